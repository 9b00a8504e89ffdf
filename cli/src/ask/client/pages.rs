//! Lists that come in pages: each tells of the next in its header `Link: <…>; rel="next"` (RFC 8288).

use std::collections::HashSet;

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};
use serde_json::Value;

use super::{ANSWER, Answer, Client, ClientError};
use crate::arguments::Listing;
use crate::progress::Progress;

/// Most rows of one page.
const PAGE: u32 = 10_000;
/// More rows than this are no answer any more: a zone that never comes to an end is told apart from a large one.
const MOST: usize = 2_000_000;

impl Client {
    /// A list: page after page until all rows, or as many as were asked for, are there.
    ///
    /// # Errors
    /// See [`ClientError`]; a zone whose pages come to no end is foreign.
    pub async fn rows(
        &self,
        path: &[&str],
        filters: &[(&str, String)],
        listing: &Listing,
        progress: &Progress,
    ) -> Result<Answer, ClientError> {
        let url = self.url(path);
        let mut query = asked(filters, listing);
        let wanted = listing.limit.map_or(MOST, |limit| limit as usize);
        let mut seen = HashSet::new();
        let mut all: Option<Answer> = None;
        loop {
            let request = self.http.get(url.clone()).query(&query);
            let page = progress.during("asking the zone", self.send(request, ANSWER)).await?;
            let next = page.next.clone();
            let answer = joined(&mut all, page)?;
            let rows = answer.document.as_array_mut().map_or(0, |rows| {
                rows.truncate(wanted);
                rows.len()
            });
            query = match next {
                Some(next) if rows < wanted && seen.insert(next.clone()) => next,
                Some(_) if rows < wanted => return Err(foreign(&url, "its pages come to no end")),
                Some(_) if rows >= MOST && listing.limit.is_none() => {
                    return Err(foreign(&url, "it has no end of rows"));
                }
                _ => break,
            };
            progress.say(&format!("{rows} rows"));
        }
        progress.clear();
        all.ok_or_else(|| foreign(&url, "no page came"))
    }
}

fn foreign(url: &Url, reason: &str) -> ClientError {
    ClientError::Foreign { url: url.to_string(), reason: reason.to_owned() }
}

/// The first page, or the first with the rows of another.
fn joined(all: &mut Option<Answer>, page: Answer) -> Result<&mut Answer, ClientError> {
    let Value::Array(rows) = page.document else {
        let reason = "a list was expected".to_owned();
        return Err(ClientError::Foreign { url: page.url, reason });
    };
    let answer = all.get_or_insert_with(|| Answer { document: Value::Array(Vec::new()), ..page });
    if let Some(known) = answer.document.as_array_mut() {
        known.extend(rows);
    }
    Ok(answer)
}

fn asked(filters: &[(&str, String)], listing: &Listing) -> Vec<(String, String)> {
    let mut query: Vec<(String, String)> =
        filters.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    if !listing.fields.is_empty() {
        query.push(("fields".into(), listing.fields.join(",")));
    }
    if let Some(sort) = &listing.sort {
        query.push(("sort".into(), sort.clone()));
    }
    query.push(("limit".into(), listing.limit.unwrap_or(PAGE).min(PAGE).to_string()));
    query
}

/// What to ask for the next page with. Only the query is taken: where the zone is, is known, and nobody else is to be
/// shown who asks.
pub(super) fn next(headers: &HeaderMap, asked: &Url) -> Option<Vec<(String, String)>> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let target = links.flat_map(|text| text.split(',')).find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|it| {
            let (name, value) = it.trim().split_once('=').unwrap_or_default();
            name.eq_ignore_ascii_case("rel")
                && value.trim_matches('"').split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        is_next.then(|| target.to_owned())
    })?;
    let url = asked.join(&target).ok()?;
    Some(url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn next_of(link: &'static str) -> Option<Vec<(String, String)>> {
        let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_static(link))]);
        next(&headers, &Url::parse("http://gate/zones/a/v1/nodes").unwrap())
    }

    #[test]
    fn the_next_page_is_told_by_its_link() {
        let cursor = |text: &str| Some(vec![("cursor".to_owned(), text.to_owned())]);
        assert_eq!(next_of("</v1/nodes?cursor=a%3D>; rel=\"next\""), cursor("a="));
        assert_eq!(next_of("<?cursor=b>; title=\"x\"; REL=next"), cursor("b"));
        assert_eq!(next_of("</v1>; rel=\"self\", </v1?cursor=c>; rel=\"prev next\""), cursor("c"));
        assert_eq!(next_of("</v1/nodes>; rel=\"self\""), None);
        assert_eq!(next_of("nonsense"), None);
    }
}
