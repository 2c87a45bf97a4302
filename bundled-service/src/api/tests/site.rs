//! Usage, readiness, and what is no route.

use super::*;
use serde_json::json;

/// Usage is answered with exact decimals, and says where it came from and when.
#[tokio::test]
async fn usage_is_exact_and_honest() {
    let harness = Harness::new();
    let path =
        "/v1/accounts/9007199254740993/usage?metric=a&from=2026-11-22T00:00:00Z&to=2026-11-22T02:00:00Z";
    let answer = harness.get(path).await;
    assert_eq!(
        answer.json(),
        json!({
            "account_id": 9_007_199_254_740_993_i64, "granularity": "hour",
            "from": "2026-11-22T00:00:00Z", "to": "2026-11-22T02:00:00Z",
            "source": "redis", "as_of": "2026-11-22T02:00:00Z",
            "usage": [{"metric": "a", "from": "2026-11-22T00:00:00Z", "to": "2026-11-22T01:00:00Z", "quantity": "-12.5", "events": 3}],
        })
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    for account in ["0", "-1", "x", "9223372036854775808", "1%2F2", "%ff"] {
        assert_eq!(
            harness.get(&format!("/v1/accounts/{account}/usage")).await.code(),
            "400 bad_parameter",
            "{account}"
        );
    }
    harness.usage.fails.store(true, SeqCst);
    assert_eq!(harness.get(path).await.code(), "503 unavailable");
}

/// Ready means that everything is; a process that stops isn't.
#[tokio::test]
async fn readiness_follows_its_checks() {
    let harness = Harness::new();
    let well = json!({"ready": true, "checks": {"kafka": "ok", "running": "ok", "slot_map": "ok"}});
    assert_eq!(harness.get("/ready").await.json(), well);
    harness.log.reachable.store(false, SeqCst);
    let answer = harness.get("/ready").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["checks"]["kafka"].as_str()),
        (503, Some("told to"))
    );
    harness.log.reachable.store(true, SeqCst);
    harness.stop.cancel();
    let answer = harness.get("/ready").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["ready"]),
        (503, &json!(false))
    );
    assert_eq!(harness.get("/health").await.status, 200, "it is alive still");
}

/// What is no route is answered in the same shape, and counted apart.
#[tokio::test]
async fn unknown_paths_and_methods() {
    let harness = Harness::new();
    assert_eq!(harness.get("/v1/event").await.code(), "404 not_found");
    assert_eq!(harness.get("/v1/events").await.code(), "405 method_not_allowed");
    let request = Request::delete("/v1/accounts/1/usage")
        .body(Body::empty())
        .unwrap();
    assert_eq!(harness.send(request).await.code(), "405 method_not_allowed");
    let text = harness.get("/metrics").await.body;
    assert!(
        text.contains("http_requests_total{route=\"none\",status=\"405\"} 2"),
        "{text}"
    );
    assert!(
        text.contains("http_requests_total{route=\"none\",status=\"404\"} 1"),
        "{text}"
    );
}

/// A worker alone says how it is, and takes no events.
#[tokio::test]
async fn a_worker_serves_its_health_alone() {
    let harness = Harness::new();
    let shared = Shared {
        metrics: Arc::clone(&harness.metrics),
        usage: Arc::clone(&harness.usage) as Arc<dyn usage_shapes::Read>,
        ready: Arc::new(Vec::new),
    };
    let router = route::router(Site::new(shared, None, CancellationToken::new()));
    for (method, path, status) in [
        (Method::GET, "/health", 200),
        (Method::GET, "/ready", 200),
        (Method::GET, "/metrics", 200),
        (Method::POST, "/v1/events", 404),
        (Method::GET, "/v1/accounts/1/usage", 404),
        (Method::GET, "/openapi.json", 404),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}
