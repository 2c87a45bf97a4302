//! `/openapi.json` is complete and true.

use super::*;
use crate::api::route::Route;
use serde_json::Value;
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::from_str(include_str!("../openapi.json")).unwrap()
}

fn operation(document: &Value, route: Route) -> Value {
    let method = route.method().as_str().to_lowercase();
    document["paths"][route.path()][&method].clone()
}

/// Holds an answer to the description: its status, and the fields that its schema asks for.
pub(super) fn check(method: &Method, path: &str, answer: &Answer) {
    let matches = |route: &&Route| {
        let asked = path.split('/').zip(route.path().split('/'));
        let same_length = path.split('/').count() == route.path().split('/').count();
        same_length && asked.into_iter().all(|(a, b)| a == b || b == "{id}") && route.method() == *method
    };
    let Some(&route) = Route::ALL.iter().find(matches) else {
        assert!(
            matches!(answer.status.as_u16(), 404 | 405),
            "{method} {path}: {}",
            answer.body
        );
        return;
    };
    let document = document();
    let status = answer.status.as_u16().to_string();
    let response = &operation(&document, route)["responses"][&status];
    assert!(
        response.is_object(),
        "{route:?} does not describe {status}: {}",
        answer.body
    );
    let content_type = answer.headers["content-type"].to_str().unwrap();
    let media = &response["content"][content_type.split(';').next().unwrap()];
    assert!(
        media.is_object(),
        "{route:?} {status} does not describe {content_type}"
    );
    for (header, _) in response["headers"].as_object().into_iter().flatten() {
        assert!(
            answer.headers.contains_key(header),
            "{route:?} {status} lacks {header}"
        );
    }
    if content_type.contains("json") {
        conforms(&document, &media["schema"], &answer.json());
    }
}

/// The part of JSON Schema that the description uses, for the values that answers hold.
fn conforms(document: &Value, schema: &Value, value: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        return conforms(
            document,
            target.unwrap_or_else(|| panic!("{reference} is not there")),
            value,
        );
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        conforms(document, part, value);
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{value} is none of {allowed:?}");
    }
    if let Some(only) = schema.get("const") {
        assert_eq!(value, only);
    }
    let right = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    assert!(right, "{value} is no {}", schema["type"]);
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            value.get(name.as_str().unwrap()).is_some(),
            "{value} lacks {name}"
        );
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(inner) = value.get(name) {
            conforms(document, part, inner);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(document, &schema["items"], item);
    }
}

/// The description has every route and no other, this version, and the bounds that hold.
#[test]
fn it_names_every_route() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let described: BTreeSet<_> = (document["paths"].as_object().unwrap().iter())
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let served = Route::ALL.map(|route| format!("{} {}", route.method(), route.path()));
    assert_eq!(described, BTreeSet::from(served));
    let text = document.to_string();
    assert!(text.contains(&format!("At most {} bytes", crate::event::MAX_EVENT_BYTES)));
    assert!(text.contains(&format!("At most {} bytes", crate::event::MAX_PROPERTIES_BYTES)));
}

/// Each reference within the description leads somewhere.
#[test]
fn its_references_hold() {
    fn visit(document: &Value, value: &Value) {
        if let Some(reference) = value["$ref"].as_str() {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
        for inner in value.as_object().into_iter().flat_map(|object| object.values()) {
            visit(document, inner);
        }
        for inner in value.as_array().into_iter().flatten() {
            visit(document, inner);
        }
    }
    visit(&document(), &document());
}

/// Each answer that the description promises can be had (and, by [`check`], no other was given).
#[tokio::test]
async fn every_described_answer_can_be_had() {
    let mut had = BTreeSet::new();
    let mut note = |route: Route, answer: Answer| {
        had.insert(format!("{route:?} {}", answer.status.as_u16()));
    };
    let flags = [
        "--max-body-bytes",
        "40000",
        "--body-timeout-ms",
        "50",
        "--api-in-flight-bytes",
        "50000",
    ];
    let harness = Harness::with(&flags);
    let json = "application/json";
    note(Route::Events, harness.post(json, event(1)).await);
    note(Route::Events, harness.post(json, "{}").await);
    note(Route::Events, harness.post(json, "x".repeat(40_001)).await);
    note(Route::Events, harness.post("text/plain", "x").await);
    let request = Request::post("/v1/events").body(Body::empty()).unwrap();
    note(Route::Events, harness.send(request).await);
    let request = post(READ_KEY, json).body(Body::empty()).unwrap();
    note(Route::Events, harness.send(request).await);
    let endless = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    note(Route::Events, harness.post(json, endless).await);
    *harness.log.acknowledges.lock().unwrap() = 0;
    note(Route::Events, harness.post(json, event(1)).await);
    let tight = Harness::with(&["--api-in-flight-bytes", "10"]);
    note(Route::Events, tight.post(json, event(1)).await);

    let usage = "/v1/accounts/11/usage";
    note(Route::Usage, harness.get(usage).await);
    note(Route::Usage, harness.get(&format!("{usage}?from=x")).await);
    let request = Request::get(usage).body(Body::empty()).unwrap();
    note(Route::Usage, harness.send(request).await);
    let request = Request::get(usage)
        .header("x-api-key", READ_KEY)
        .body(Body::empty())
        .unwrap();
    note(Route::Usage, harness.send(request).await);
    harness.usage.fails.store(true, SeqCst);
    note(Route::Usage, harness.get(usage).await);

    note(Route::Health, harness.get("/health").await);
    note(Route::Ready, harness.get("/ready").await);
    harness.log.reachable.store(false, SeqCst);
    note(Route::Ready, harness.get("/ready").await);
    note(Route::Metrics, harness.get("/metrics").await);
    note(Route::OpenApi, harness.get("/openapi.json").await);

    let document = document();
    let described: BTreeSet<_> = Route::ALL
        .iter()
        .flat_map(|&route| {
            let responses = operation(&document, route)["responses"]
                .as_object()
                .unwrap()
                .clone();
            responses
                .into_iter()
                .map(move |(status, _)| format!("{route:?} {status}"))
        })
        .collect();
    assert_eq!(had, described);
}
