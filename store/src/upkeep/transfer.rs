//! A topology moves from one database to another: copied in one transaction, compared, and only then kept.

use rollcall_model::Sha256;
use serde::Serialize;
use serde_json::Value;

use super::held::{Held, Place};
use super::{UpkeepError, version};
use crate::sql::tables::{Table, every_table};
use crate::sql::{Dialect, Link, copy, count};
use crate::{Store, sqlite};

/// Rows that cross at a time.
const PAGE: usize = 2_000;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferProgress {
    /// `copying` or `comparing`.
    pub doing: &'static str,
    /// The table.
    pub table: &'static str,
    /// Rows done, of all tables.
    pub rows: u64,
    /// Rows there are to do, of all tables.
    pub of: u64,
}

/// A table on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Its name.
    pub table: &'static str,
    /// Its rows in the source.
    pub source_rows: u64,
    /// Its rows in the target.
    pub target_rows: u64,
    /// The digest of its rows in the source, in whatever order they stand.
    pub source_sum: String,
    /// The digest of its rows in the target.
    pub target_sum: String,
}

impl Compared {
    /// Whether both sides are the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.source_rows == self.target_rows && self.source_sum == self.target_sum
    }
}

/// A move that came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transfer {
    /// From where, without a password.
    pub source: String,
    /// To where, without a password.
    pub target: String,
    /// Whether every table is the same on both sides; only then is anything kept in the target.
    pub is_equal: bool,
    /// The tables.
    pub tables: Vec<Compared>,
}

/// Copies everything from one database into another, empty one, and compares both. The source is only read; both are held
/// against zone controllers meanwhile. Where a table differs nothing is kept in the target.
///
/// # Errors
/// See [`UpkeepError`]; nothing is kept in the target then.
pub async fn transfer(
    from: &str,
    to: &str,
    mut progress: impl FnMut(TransferProgress) + Send,
) -> Result<Transfer, UpkeepError> {
    let (source, target) = (Place::parse(from)?, Place::parse(to)?);
    let names = [source.shown(), target.shown()];
    if source.true_name() == target.true_name() {
        return Err(UpkeepError::Same { place: source.shown() });
    }
    let source = held_at_newest(&source).await?;
    refuse_other_versions(&target).await?;
    // Brings an empty target to this program's schema.
    Store::open(to).await?.close().await;
    let target = Held::hold(&target).await?;
    let mut both = Both { source, target, names, rows: 0, of: 0, tell: &mut progress };
    both.refuse_rows().await?;
    both.begin().await?;
    let tables = both.tables().await?;
    let mut sums = Vec::new();
    for (table, columns) in &tables {
        sums.push(both.copy(table, columns).await?);
    }
    both.rows = 0;
    let mut compared = Vec::new();
    for ((table, columns), there) in tables.iter().zip(sums) {
        let here = both.sum_of_target(table, columns).await?;
        compared.push(Compared::of(table, there, here));
    }
    let is_equal = compared.iter().all(Compared::is_equal);
    let [source, target] = both.end(is_equal).await?;
    Ok(Transfer { source, target, is_equal, tables: compared })
}

impl Compared {
    fn of(table: &Table, source: Sum, target: Sum) -> Self {
        Self {
            table: table.name,
            source_rows: source.rows,
            target_rows: target.rows,
            source_sum: source.text(),
            target_sum: target.text(),
        }
    }
}

/// A target that holds a topology of another version is not brought to this one on the way to being refused.
async fn refuse_other_versions(place: &Place) -> Result<(), UpkeepError> {
    let mut held = match Held::look(place).await {
        Ok(held) => held,
        Err(UpkeepError::Open(crate::OpenError::NoFile { .. })) => return Ok(()),
        Err(error) => return Err(error),
    };
    let found = version(&mut held).await.map_err(UpkeepError::says(&place.shown(), "asking its version"))?;
    held.close().await;
    match found.filter(|version| *version != sqlite::NEWEST) {
        None => Ok(()),
        Some(version) => Err(UpkeepError::NotEmpty {
            place: place.shown(),
            holds: format!("a topology of schema version {version}"),
            hint: "name an empty database",
        }),
    }
}

/// A source that has this program's schema.
async fn held_at_newest(place: &Place) -> Result<Held, UpkeepError> {
    let mut held = Held::hold(place).await?;
    let found = version(&mut held).await.map_err(UpkeepError::says(&place.shown(), "asking its version"))?;
    match found {
        Some(version) if version == sqlite::NEWEST => Ok(held),
        Some(version) if version > sqlite::NEWEST => {
            Err(crate::OpenError::Future { place: place.shown(), version, newest: sqlite::NEWEST }.into())
        }
        older => {
            let (place, version) = (place.shown(), older.unwrap_or(0));
            Err(UpkeepError::Older { place, version, newest: sqlite::NEWEST })
        }
    }
}

/// Both sides, and what is told on the way.
struct Both<'a> {
    source: Held,
    target: Held,
    /// Of source and target, for people.
    names: [String; 2],
    /// Done, of all tables.
    rows: u64,
    of: u64,
    tell: &'a mut (dyn FnMut(TransferProgress) + Send),
}

impl Both<'_> {
    fn reading(&self) -> impl Fn(sqlx::Error) -> UpkeepError + use<> {
        UpkeepError::says(&self.names[0], "reading it")
    }

    fn writing(&self) -> impl Fn(sqlx::Error) -> UpkeepError + use<> {
        UpkeepError::says(&self.names[1], "writing it")
    }

    fn more(&mut self, doing: &'static str, table: &'static str, rows: usize) {
        self.rows += rows as u64;
        (self.tell)(TransferProgress { doing, table, rows: self.rows, of: self.of });
    }

    /// A target must be as it was made.
    async fn refuse_rows(&mut self) -> Result<(), UpkeepError> {
        let (mut filled, writing) = (Vec::new(), self.writing());
        for table in every_table().filter(|table| !table.is_filled) {
            let rows = count::rows(&mut self.target, table).await.map_err(&writing)?;
            if rows > 0 {
                filled.push(format!("{rows} rows in {}", table.name));
            }
        }
        if filled.is_empty() {
            return Ok(());
        }
        filled.truncate(3);
        let hint = "name an empty database, or another schema of this one with options[search_path]=…";
        Err(UpkeepError::NotEmpty { place: self.names[1].clone(), holds: filled.join(", "), hint })
    }

    /// The source as of one moment, and one transaction for the target.
    async fn begin(&mut self) -> Result<(), UpkeepError> {
        let read = match self.source.dialect() {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let write = match self.target.dialect() {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        };
        let (reading, writing) = (self.reading(), self.writing());
        self.source.tell(read).await.map_err(reading)?;
        self.target.tell(write).await.map_err(writing)
    }

    /// Keeps everything, or nothing; gives back the names.
    async fn end(mut self, is_equal: bool) -> Result<[String; 2], UpkeepError> {
        let writing = self.writing();
        self.target.tell(if is_equal { "COMMIT" } else { "ROLLBACK" }).await.map_err(&writing)?;
        if is_equal {
            self.target.tell("ANALYZE").await.map_err(&writing)?;
        }
        self.source.close().await;
        self.target.close().await;
        Ok(self.names)
    }

    /// Every table with its columns, which must be the same on both sides; counts what there is to do.
    async fn tables(&mut self) -> Result<Vec<(&'static Table, Vec<String>)>, UpkeepError> {
        let (reading, writing) = (self.reading(), self.writing());
        let mut tables = Vec::new();
        for table in every_table() {
            self.of += count::rows(&mut self.source, table).await.map_err(&reading)?;
            let columns = copy::columns(&mut self.source, table).await.map_err(&reading)?;
            if copy::columns(&mut self.target, table).await.map_err(&writing)? != columns {
                return Err(UpkeepError::Columns { table: table.name });
            }
            tables.push((table, columns));
        }
        Ok(tables)
    }

    /// Copies one table; gives what the source's rows come to.
    async fn copy(&mut self, table: &'static Table, columns: &[String]) -> Result<Sum, UpkeepError> {
        let (reading, writing) = (self.reading(), self.writing());
        // What the database made itself, at its making or from rows just written, is put as the source has it.
        copy::clear(&mut self.target, table).await.map_err(&writing)?;
        let (mut sum, mut from) = (Sum::default(), None);
        loop {
            let page = copy::page(&mut self.source, table, columns, from.as_deref(), PAGE).await.map_err(&reading)?;
            let rows = page.rows.len();
            page.rows.iter().for_each(|row| sum.add(row));
            copy::append(&mut self.target, table, columns, page.rows).await.map_err(&writing)?;
            self.more("copying", table.name, rows);
            from = page.last;
            if rows < PAGE {
                break;
            }
        }
        if table.is_numbered {
            let last = copy::last_number(&mut self.source, table).await.map_err(reading)?;
            copy::number_after(&mut self.target, table, last).await.map_err(writing)?;
        }
        Ok(sum)
    }

    /// What a table's rows come to at the target.
    async fn sum_of_target(&mut self, table: &'static Table, columns: &[String]) -> Result<Sum, UpkeepError> {
        let writing = self.writing();
        let (mut sum, mut from) = (Sum::default(), None);
        loop {
            let page = copy::page(&mut self.target, table, columns, from.as_deref(), PAGE).await.map_err(&writing)?;
            let rows = page.rows.len();
            page.rows.iter().for_each(|row| sum.add(row));
            self.more("comparing", table.name, rows);
            from = page.last;
            if rows < PAGE {
                return Ok(sum);
            }
        }
    }
}

/// Rows in whatever order: each one's SHA-256, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    high: u128,
    low: u128,
}

impl Sum {
    /// Adds a row: its values in the order of the columns' names, as compact JSON.
    fn add(&mut self, row: &[Value]) {
        let text = Value::Array(row.to_vec()).to_string();
        let digest = Sha256::of(text.as_bytes());
        let half = |digits: Option<&str>| digits.and_then(|it| u128::from_str_radix(it, 16).ok()).unwrap_or_default();
        self.rows += 1;
        self.high = self.high.wrapping_add(half(digest.as_str().get(..32)));
        self.low = self.low.wrapping_add(half(digest.as_str().get(32..)));
    }

    fn text(self) -> String {
        format!("{:032x}{:032x}", self.high, self.low)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sum_knows_the_rows_and_not_their_order() {
        let sum = |rows: &[Value]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.add(row.as_array().unwrap()));
            sum
        };
        let (a, b, c) = (json!(["a", 1, null]), json!(["b", 2, true]), json!(["b", "2", true]));
        assert_eq!(sum(&[a.clone(), b.clone()]), sum(&[b.clone(), a.clone()]));
        assert_ne!(sum(&[a.clone(), b.clone()]), sum(&[a.clone(), c]));
        assert_ne!(sum(&[a.clone(), a.clone()]), sum(&[b.clone(), b]), "the same row twice is not nothing");
        assert_ne!(sum(&[a.clone(), a.clone()]).text(), sum(std::slice::from_ref(&a)).text());
        assert_eq!(sum(&[a]).text().len(), 64);
    }
}
