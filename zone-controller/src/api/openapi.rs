//! What the API says of itself: OpenAPI 3.1, made of the descriptions of the lists, of the types of the bodies, and of one
//! line for each route in `operations`. A test holds it against the routes there are, and against docs/openapi.json.

mod operations;
mod parameters;
mod shapes;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use rollcall_model::Role;
use utoipa::openapi::path::{HttpMethod, Operation as Described, OperationBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, ContentBuilder, Header, InfoBuilder, LicenseBuilder, OpenApi,
    OpenApiBuilder, Paths, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};

use self::operations::{Answer, Operation, Sent};
use self::shapes::{Shape, component, problem, row, schema};
use super::routes::{Access, Route};
use super::{conditions, idempotency, lists, routes};

/// The document, as JSON.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

/// `GET /v1/openapi.json`
pub async fn serve() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

fn document() -> OpenApi {
    let about = "A zone of Rollcall. Lists are rows of the views of docs/sql.md; docs/api.md says the rest.";
    let info = InfoBuilder::new()
        .title("Rollcall")
        .version("1")
        .description(Some(about))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()));
    let mut paths = Paths::new();
    for route in routes() {
        if let Some(operation) = operations::of(&route) {
            paths.add_path_operation(route.path, vec![method(&route)], described(&route, operation));
        }
    }
    OpenApiBuilder::new().info(info.build()).paths(paths).components(Some(components())).build()
}

fn method(route: &Route) -> HttpMethod {
    match route.method.as_str() {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn components() -> Components {
    let mut components = ComponentsBuilder::new()
        .schema("Problem", problem())
        .security_scheme(
            "certificate",
            SecurityScheme::MutualTls {
                description: Some("a client certificate of this zone".into()),
                deprecated: None,
                extensions: None,
            },
        )
        .security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for list in lists::catalogue::ALL {
        components = components.schema(component(list), row(list));
    }
    components.build()
}

fn described(route: &Route, operation: &Operation) -> Described {
    let mut built = OperationBuilder::new()
        .operation_id(Some(operation.id))
        .summary(Some(operation.about))
        .description(Some(who(route.access)));
    for parameter in parameters::of(route, operation) {
        built = built.parameter(parameter);
    }
    built = match operation.sent {
        Sent::Nothing => built,
        Sent::Json(body) => built.request_body(Some(sent("application/json", body()))),
        // Whatever it is called, it is read as text.
        Sent::Toml => {
            let text = || content(schema(&Shape::Text));
            let body = RequestBodyBuilder::new().required(Some(Required::True));
            built.request_body(Some(body.content("application/toml", text()).content("text/plain", text()).build()))
        }
    };
    for answer in operation.answers {
        built = built.response(answer.code(), answered(answer));
    }
    if operation.answers.iter().any(|answer| matches!(answer, Answer::Tagged(_))) {
        built = built.response("304", tagged(ResponseBuilder::new().description("as whoever asks knows it already")));
    }
    let refused = ResponseBuilder::new().description("it was not done, and nothing was changed");
    built =
        built.response("default", refused.content("application/problem+json", content(reference("Problem"))).build());
    for requirement in required(route.access) {
        built = built.security(requirement);
    }
    built.build()
}

fn sent(kind: &str, schema: RefOr<Schema>) -> utoipa::openapi::request_body::RequestBody {
    RequestBodyBuilder::new().required(Some(Required::True)).content(kind, content(schema)).build()
}

fn content(schema: RefOr<Schema>) -> Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

fn answered(answer: &Answer) -> Response {
    let built = ResponseBuilder::new();
    match answer {
        Answer::Json(_, shape) => built.description("done").content("application/json", content(schema(shape))).build(),
        Answer::Live(shape) => {
            let built =
                built.description("what there is, or what comes").content("application/json", content(schema(shape)));
            built.content("text/event-stream", content(schema(&Shape::Text))).build()
        }
        Answer::Tagged(shape) => {
            tagged(built.description("what it is").content("application/json", content(schema(shape))))
        }
        Answer::Page(shape) => {
            let link = Header::new(schema(&Shape::Text));
            let built = built.description("a page of it").content("application/json", content(schema(shape)));
            let mut link = link;
            link.description = Some("where there is another page: `<…>; rel=\"next\"` (RFC 8288)".into());
            built.header("Link", link).build()
        }
        Answer::Text(_, kinds) => {
            let text = |built: ResponseBuilder, kind: &&str| built.content(*kind, content(schema(&Shape::Text)));
            kinds.iter().fold(built.description("text"), text).build()
        }
    }
}

fn tagged(built: ResponseBuilder) -> Response {
    let mut tag = Header::new(schema(&Shape::Text));
    tag.description = Some("for `If-None-Match`, and for `If-Match` of a write".into());
    built.header("ETag", tag).build()
}

fn who(access: Access) -> &'static str {
    match access {
        Access::Open => "Open to anybody.",
        Access::Known => "For anybody known.",
        Access::Certified => "For whoever shows a certificate; a token is not enough.",
        Access::Group => "For group controllers, by certificate.",
        Access::Role(Role::Viewer) => "For viewers.",
        Access::Role(Role::Operator) => "For operators.",
        Access::Role(Role::Administrator) => "For administrators.",
    }
}

fn required(access: Access) -> Vec<SecurityRequirement> {
    let by = |scheme: &str| SecurityRequirement::new(scheme, Vec::<String>::new());
    match access {
        Access::Open => Vec::new(),
        Access::Certified | Access::Group => vec![by("certificate")],
        Access::Known | Access::Role(_) => vec![by("certificate"), by("token")],
    }
}

/// Whether a route takes `Idempotency-Key`, and what a write may depend on.
fn takes_key(route: &Route) -> bool {
    idempotency::is_taken_by(route)
}

fn takes_conditions(route: &Route) -> bool {
    conditions::are_honoured(&route.method, route.path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is for people and not for programs, and so not described here.
    fn is_for_people(path: &str) -> bool {
        path == "/" || path.starts_with("/ui")
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let routes = routes();
        let there: BTreeSet<(String, &str)> = routes
            .iter()
            .filter(|route| !is_for_people(route.path))
            .map(|route| (route.method.to_string(), route.path))
            .collect();
        let described: BTreeSet<(String, &str)> =
            operations::all().map(|operation| (operation.method.to_owned(), operation.path)).collect();
        let missing: Vec<_> = there.difference(&described).collect();
        let gone: Vec<_> = described.difference(&there).collect();
        assert!(missing.is_empty() && gone.is_empty(), "api/openapi/operations lacks {missing:?}, and has {gone:?}");
        assert_eq!(operations::all().count(), described.len(), "each once");
        let ids: BTreeSet<&str> = operations::all().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), described.len(), "each has an id of its own");
    }

    #[test]
    fn the_document_in_docs_is_what_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        if std::env::var_os("ROLLCALL_WRITE_OPENAPI").is_some() {
            std::fs::write(path, DOCUMENT.as_str()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == DOCUMENT.as_str(),
            "docs/openapi.json is not what the API says of itself; write it anew with\n\
             ROLLCALL_WRITE_OPENAPI=1 cargo test -p rollcall-zone-controller --lib openapi"
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT.as_str()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let mut references = 0;
        for part in DOCUMENT.as_str().split("\"#/").skip(1) {
            let pointer = format!("/{}", part.split('"').next().unwrap());
            assert!(document.pointer(&pointer).is_some(), "{pointer}");
            references += 1;
        }
        assert!(references >= 50, "{references}");
    }
}
