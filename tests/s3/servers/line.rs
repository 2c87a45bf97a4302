//! The command line over a state on S3: `state` and `unlock` do there what they do in a folder.

use std::process::{Command, Output};

use serde_json::{Value, json};
use vvbill::apply;

use super::{rig, url};
use crate::proxy::Proxy;
use crate::rig::desired;

struct Line {
    folder: tempfile::TempDir,
    endpoint: String,
}

impl Line {
    fn new(proxy: &Proxy, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = format!("metadata:\n  name: simulated\ntarget: local\nstate:\n  backend: {url}\n");
        std::fs::write(folder.path().join("plan.yaml"), plan).unwrap();
        Self {
            folder,
            endpoint: proxy.url(),
        }
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_vvbill"))
            .args(words)
            .current_dir(self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env_remove("AWS_PROFILE")
            .output()
            .unwrap()
    }

    fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {errors}");
        format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
    }

    fn failed(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

const NODE: &str = "simulated/global/node/a";
const MOVED: &str = "simulated/global/node/b";

/// Protects: list, show, pull, mv, rm and push work on S3, with backups there; `unlock` shows and removes.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_changed_by_hand() {
    let (proxy, url) = (Proxy::new(1), url());
    let line = Line::new(&proxy, &url);
    let missing = line.failed(&["state", "list", "plan.yaml"]);
    assert!(missing.contains("no such bucket"), "{missing}");
    let rig = rig(&proxy, &url, 1).await;
    rig.converge(&[desired("node", "a", json!({}))], 1).await;
    assert_eq!(line.done(&["state", "list", "plan.yaml"]).trim(), NODE);
    let pulled = line.run(&["state", "pull", "plan.yaml"]).stdout;
    let state: Value = serde_json::from_slice(&pulled).unwrap();
    assert_eq!(
        state["lineage"],
        serde_json::to_value(rig.state().await.lineage).unwrap()
    );
    let moved = line.done(&["state", "mv", "plan.yaml", NODE, MOVED]);
    assert!(
        moved.contains(&format!("{url}.")) && moved.contains("-mv.backup"),
        "{moved}"
    );
    assert_eq!(line.done(&["state", "list", "plan.yaml"]).trim(), MOVED);
    line.done(&["state", "rm", "plan.yaml", MOVED]);
    assert_eq!(line.done(&["state", "list", "plan.yaml"]).trim(), "");
    std::fs::write(line.folder.path().join("pulled.json"), &pulled).unwrap();
    let older = line.failed(&["state", "push", "plan.yaml", "pulled.json"]);
    assert!(older.contains("serial"), "{older}");
    line.done(&["state", "push", "plan.yaml", "pulled.json", "--force"]);
    assert_eq!(line.done(&["state", "list", "plan.yaml"]).trim(), NODE);

    let session = rig.session().await.unwrap();
    let holder = apply::lock_holder(&*rig.store).await.unwrap().unwrap();
    assert!(line.done(&["unlock", "plan.yaml"]).contains(&holder.id));
    let held = line.run(&["state", "rm", "plan.yaml", NODE]);
    assert_eq!(
        held.status.code(),
        Some(4),
        "{}",
        String::from_utf8_lossy(&held.stderr)
    );
    line.done(&["unlock", "plan.yaml", &holder.id]);
    assert!(line.done(&["unlock", "plan.yaml"]).contains("Nobody"));
    drop(session);
}

/// Protects: no credentials, no lock and no state: one error that says what to do.
#[test]
fn what_is_missing_is_said() {
    let proxy = Proxy::new(1);
    let line = Line::new(&proxy, &url());
    let output = Command::new(env!("CARGO_BIN_EXE_vvbill"))
        .args(["state", "list", "plan.yaml"])
        .current_dir(line.folder.path())
        .env("HOME", line.folder.path())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env_remove("AWS_PROFILE")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("aws sts get-caller-identity"), "{errors}");
    assert_eq!(output.status.code(), Some(1));
}
