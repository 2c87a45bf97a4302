//! Prometheus: it runs with the rules it was given and scrapes itself.

use serde_json::json;

use super::stage::{Stage, free_port};

/// Rules and targets of the plan are those that Prometheus says it has.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_has_the_rules_and_targets_of_the_plan() {
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let data = stage.data(&folder, "prometheus").await.output("path");
    let rules = "groups:\n  - name: billing\n    rules:\n      - alert: Slow\n        expr: vector(1) > 0\n        for: 5m\n";
    let properties = json!({
        "name": "prometheus", "folder": folder, "host": "127.0.0.1", "running": true, "configured": true,
        "port": free_port(), "data": data, "scrape_interval_ms": 1000, "evaluation_interval_ms": 1000,
        "retention_seconds": 86400, "targets": { "ingest": { "api-1": "127.0.0.1:9" } }, "rules": rules,
    });
    let prometheus = stage.stand("prometheus_server", properties).await;
    let get = |path: &str| -> String {
        let url = format!("{}{path}", prometheus.output("url"));
        ureq::get(&url)
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap()
    };
    assert!(get("/api/v1/rules").contains("\"Slow\""));
    let start = std::time::Instant::now();
    let scraped =
        |targets: &str| targets.contains("127.0.0.1:9/metrics") && targets.contains("\"job\":\"prometheus\"");
    while !scraped(&get("/api/v1/targets")) {
        assert!(start.elapsed().as_secs() < 20, "{}", get("/api/v1/targets"));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    stage.delete(&prometheus).await;
    assert!(stage.processes().is_empty());
}
