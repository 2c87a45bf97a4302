//! The state in a person's hands: surgery, damage, where it lies.

use insta::assert_snapshot;
use serde_json::json;

use crate::runs::chained;
use crate::simulated::run;
use crate::steady::steady;

/// Surgery: each change leaves a backup that can be pushed back.
#[test]
fn the_state_can_be_changed_by_hand_and_put_back() {
    let folder = chained(json!({}));
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    let before = run(&folder, &["state", "pull", "plan.yaml"]).expect(0).stdout;
    folder.write("before.json", &before);

    let (first, other) = ("simulated/global/node/first", "simulated/global/node/other");
    let moved = run(&folder, &["state", "mv", "plan.yaml", first, other]).expect(0);
    assert!(
        moved.stderr.contains("The state before is in"),
        "{}",
        moved.transcript()
    );
    let removed = run(&folder, &["state", "rm", "plan.yaml", other]).expect(0);
    assert!(
        removed.stderr.contains("goes on existing"),
        "{}",
        removed.transcript()
    );
    assert_eq!(
        run(&folder, &["state", "list", "plan.yaml"])
            .stdout
            .lines()
            .count(),
        2
    );
    let missing = run(
        &folder,
        &["state", "rm", "plan.yaml", "simulated/global/node/secnod"],
    )
    .expect(1);
    assert_snapshot!("state_rm_missing", steady(&missing));
    let foreign = run(
        &folder,
        &["state", "mv", "plan.yaml", first, "simulated/global/volume/x"],
    )
    .expect(64);
    assert_snapshot!("state_mv_foreign", steady(&foreign));

    let older = run(&folder, &["state", "push", "plan.yaml", "before.json"]).expect(1);
    assert_snapshot!("state_push_older", steady(&older));
    run(&folder, &["state", "push", "plan.yaml", "before.json", "--force"]).expect(0);
    assert_eq!(
        run(&folder, &["state", "list", "plan.yaml"])
            .stdout
            .lines()
            .count(),
        3
    );
    run(&folder, &["plan", "plan.yaml", "--detailed-exitcode"]).expect(0);
}

/// A state that something else changed is refused with what to do; nothing outside is touched.
#[test]
fn a_damaged_state_is_refused_with_what_to_do() {
    let folder = chained(json!({}));
    run(&folder, &["apply", "plan.yaml", "--auto-approve"]).expect(0);
    let path = folder.path(".vvbill/simulated/state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("node:first", "node:other")).unwrap();
    let refused = run(&folder, &["plan", "plan.yaml"]).expect(1);
    assert_snapshot!("damaged_state_edited", steady(&refused));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        text.replace("node:first", "node:other")
    );
    let newer = text.replace("\"format_version\": 1", "\"format_version\": 99");
    std::fs::write(&path, newer).unwrap();
    let refused = run(&folder, &["state", "list", "plan.yaml"]).expect(1);
    assert_snapshot!("damaged_state_newer", steady(&refused));
}

/// `-C DIR`: plan and state are looked for from there.
#[test]
fn the_folder_flag_moves_plan_and_state() {
    let folder = chained(json!({}));
    std::fs::create_dir(folder.path("elsewhere")).unwrap();
    for name in ["plan.yaml", "things.json"] {
        std::fs::rename(folder.path(name), folder.path("elsewhere").join(name)).unwrap();
    }
    run(
        &folder,
        &["-C", "elsewhere", "apply", "plan.yaml", "--auto-approve"],
    )
    .expect(0);
    assert!(folder.path("elsewhere/.vvbill/simulated/state.json").exists());
    assert!(!folder.path(".vvbill").exists());
}
