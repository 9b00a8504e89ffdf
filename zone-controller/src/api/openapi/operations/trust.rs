//! Who may join, who is who, and who may what.

use super::fleet::pages;
use super::{Answer, LATEST, Operation, body};
use crate::api::lists::catalogue as list;
use crate::api::openapi::shapes::Shape;
use crate::api::openapi::shapes::Shape::{
    Any, Boolean, Either, Integer, List, Name, Object, Or, Row, Text, Time, Uuid, Words,
};
use crate::api::trust::{joins, tokens, users};

const CERTIFICATE: Shape = Object(&[
    ("state", Words(&["issued"])),
    ("certificate", Text),
    ("bundle", Any),
    ("zone", Uuid),
    ("user", Text),
    ("expires", Any),
    ("principal", Text),
    ("name?", Text),
]);
const PENDING: Shape = Object(&[("state", Words(&["pending"])), ("join", Uuid)]);
const JOIN_ANSWERS: &[Answer] =
    &[Answer::Json(200, CERTIFICATE), Answer::Json(201, CERTIFICATE), Answer::Json(202, PENDING)];
const DECIDED: Shape = Object(&[("join", Uuid), ("principal", Text), ("name", Name), ("state", Text)]);
const TOKEN: Shape = Object(&[
    ("token", Text),
    ("kind", Text),
    ("name", Or(&Name)),
    ("place", Or(&Name)),
    ("not_before_ms", Integer),
    ("expires_ms", Integer),
    ("secret", Text),
]);
const REVOKED: Shape = Object(&[
    ("principal", Text),
    ("user", Text),
    ("name", Text),
    ("certificates", Any),
    ("already", Boolean),
    ("also", List(&Text)),
    ("cut", Boolean),
    ("problem?", Text),
]);
const USER: Shape = Object(&[
    ("name", Name),
    ("role", Text),
    ("created", Boolean),
    ("secret?", Text),
    ("state?", Text),
    ("certificate?", Text),
    ("bundle?", Any),
    ("zone?", Uuid),
    ("user?", Text),
    ("expires?", Any),
]);
const AUDIT: Shape = Object(&[
    ("seq", Integer),
    ("at", Time),
    ("who", Text),
    ("origin", Text),
    ("action", Text),
    ("subject", Text),
    ("before", Any),
    ("after", Any),
    ("at_ms", Integer),
    ("hash", Text),
]);
const VERIFIED: Shape = Either(&[
    Object(&[("whole", Boolean), ("rows", Integer), ("hash", Text)]),
    Object(&[("whole", Boolean), ("broken_at", Integer), ("problem", Text)]),
]);
const WHO: Shape = Object(&[
    ("principal", Or(&Text)),
    ("name", Text),
    ("role", Or(&Words(&["viewer", "operator", "administrator"]))),
    ("means", Words(&["nothing", "certificate", "token", "own_machine", "session"])),
    ("origin", Text),
    ("zone", Object(&[("id", Uuid), ("name", Name)])),
]);

/// The routes of trust.
pub const ALL: &[Operation] = &[
    Operation::get("/v1/whoami", "whoami", "who the zone takes you for", &[Answer::Json(200, WHO)]),
    Operation::post("/v1/join", "join", "asks to be let in", body::<joins::Joining>, JOIN_ANSWERS),
    Operation::get("/v1/join/{join}", "collect_join", "how a request to join stands", JOIN_ANSWERS),
    Operation::post(
        "/v1/renew",
        "renew",
        "the next certificate of the same principal",
        body::<joins::Renewal>,
        &[Answer::Json(200, CERTIFICATE)],
    ),
    Operation::post(
        "/v1/checkin-certificate",
        "checkin_certificate",
        "a certificate for a check-in service the group was ordered to run",
        body::<joins::CheckinRequest>,
        &[Answer::Json(200, CERTIFICATE)],
    ),
    pages!("/v1/joins", "list_joins", "requests to join without a token", list::JOINS),
    Operation::get("/v1/joins/{join}", "held_join", "a request to join", &[Answer::Tagged(Row(&list::JOINS))]),
    Operation {
        method: "POST",
        ..Operation::get("/v1/joins/{join}/approve", "approve_join", "lets one in", &[Answer::Json(200, DECIDED)])
    },
    Operation::post(
        "/v1/joins/{join}/deny",
        "deny_join",
        "keeps one out",
        body::<joins::Denial>,
        &[Answer::Json(200, DECIDED)],
    ),
    pages!("/v1/tokens", "list_tokens", "tokens to join with", list::TOKENS),
    Operation::get("/v1/tokens/{token}", "token", "a token", &[Answer::Tagged(Row(&list::TOKENS))]),
    Operation::post(
        "/v1/tokens",
        "create_token",
        "makes a token to join with; its secret is shown once",
        body::<tokens::NewToken>,
        &[Answer::Json(201, TOKEN)],
    ),
    Operation::delete(
        "/v1/tokens/{token}",
        "revoke_token",
        "makes a token useless",
        &[Answer::Json(200, Object(&[("token", Text), ("revoked", Boolean)]))],
    ),
    pages!("/v1/certificates", "list_certificates", "certificates the zone issued", list::CERTIFICATES),
    Operation::get(
        "/v1/certificates/{serial}",
        "certificate",
        "a certificate",
        &[Answer::Tagged(Row(&list::CERTIFICATES))],
    ),
    Operation::post(
        "/v1/revoke",
        "revoke",
        "throws somebody out, and keeps them out",
        body::<joins::Revocation>,
        &[Answer::Json(200, REVOKED)],
    ),
    pages!("/v1/users", "list_users", "users of the API", list::USERS),
    Operation::get("/v1/users/{name}", "user", "a user", &[Answer::Tagged(Row(&list::USERS))]),
    Operation::post(
        "/v1/users",
        "set_user",
        "makes a user, or changes one; a secret is shown once",
        body::<users::NewUser>,
        &[Answer::Json(201, USER)],
    ),
    Operation::delete(
        "/v1/users/{name}",
        "remove_user",
        "removes a user; the last administrator stays",
        &[Answer::Json(200, Object(&[("name", Name), ("removed", Boolean)]))],
    ),
    Operation::get("/v1/audit", "list_audit", "who changed what, oldest first", &[Answer::Json(200, List(&AUDIT))])
        .with(&LATEST),
    Operation::get("/v1/audit/verify", "verify_audit", "walks the chain", &[Answer::Json(200, VERIFIED)]),
];
