//! Keys: which accounts and verbs each opens, and what a malformed file says.

#![allow(clippy::unwrap_used)]

use super::*;
use clap::Parser;
use proptest::prelude::*;

fn account(id: u64) -> AccountId {
    AccountId::new(id).unwrap()
}

/// A set of accounts opens those it names, and nothing beside them.
#[test]
fn account_sets() {
    let set: AccountSet = "5000, 1-10,8-20,21".parse().unwrap();
    assert_eq!(set.to_string(), "1-21,5000");
    for (id, inside) in [
        (1, true),
        (21, true),
        (22, false),
        (4999, false),
        (5000, true),
        (5001, false),
    ] {
        assert_eq!(set.contains(account(id)), inside, "{id}");
    }
    assert!(
        "*".parse::<AccountSet>()
            .unwrap()
            .contains(account(i64::MAX as u64))
    );
    for wrong in [
        "",
        "0",
        "-5",
        "5-",
        "9-1",
        "1,,2",
        "a",
        "1-2-3",
        "**",
        "9223372036854775808",
    ] {
        assert_eq!(wrong.parse::<AccountSet>(), Err(AccountSetError), "{wrong:?}");
    }
}

proptest! {
    /// Merging ranges changes no membership.
    #[test]
    fn account_ranges_mean_what_they_say(
        ranges in prop::collection::vec((1_u64..200, 0_u64..20), 1..8),
        probe in 1_u64..240,
    ) {
        let text: Vec<_> = ranges.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
        let set: AccountSet = text.join(",").parse().unwrap();
        let expected = ranges.iter().any(|(first, more)| (*first..=first + more).contains(&probe));
        prop_assert_eq!(set.contains(account(probe)), expected);
        prop_assert_eq!(&set.to_string().parse::<AccountSet>().unwrap(), &set);
    }

    /// No text makes the key file's reader panic.
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = file::parse(&text);
    }
}

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    key: KeyCommand,
}

fn create(path: &std::path::Path, more: &[&str]) -> String {
    let file = path.display().to_string();
    let arguments = ["x", "create", "--file", &file, "--name", "test"];
    let command = Command::try_parse_from(arguments.iter().chain(more)).unwrap();
    run(&command.key).unwrap()
}

/// A key that was made opens its accounts for its roles; the file doesn't hold it.
#[test]
fn a_created_key_is_found_and_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.jsonl");
    let writer = create(&path, &["--accounts", "1-10", "--role", "write"]);
    // A hand-edited file may lack its last line end, and hold remarks.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("# made by hand\n\n{}", text.trim_end())).unwrap();
    let both = create(&path, &["--accounts", "*"]);

    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&writer) && !text.contains(&both), "{text}");
    let keys = load(&path).unwrap();
    assert_eq!(keys.len(), 2);
    let key = keys.find(&writer).unwrap();
    assert!(key.may(Permission::Write) && !key.may(Permission::Read));
    assert!(key.covers(account(10)) && !key.covers(account(11)));
    let key = keys.find(&both).unwrap();
    assert!(key.may(Permission::Write) && key.may(Permission::Read) && key.covers(account(11)));
    assert!(keys.find(&writer[..writer.len() - 1]).is_none());
    assert!(keys.find("").is_none());
}

/// What is wrong in a key file is named by its line, and a key put there by mistake isn't quoted.
#[test]
fn a_broken_key_file_is_refused_by_line() {
    let sound =
        r#"{"name":"a","sha256":"HASH","accounts":"*","roles":["read"]}"#.replace("HASH", &"0a".repeat(32));
    let broken = [
        ("{".to_owned(), "not JSON"),
        (sound.clone(), "the same sha256"),
        (sound.replace(&"0a".repeat(32), "marker-of-a-key"), "needs name"),
        (sound.replace("read", "own"), "needs name"),
        (sound.replace("\"read\"", ""), "roles must hold"),
        (sound.replace("\"*\"", "\"0\""), "needs name"),
        (
            sound.replace("}", ",\"secret\":\"marker-of-a-key\"}"),
            "needs name",
        ),
    ];
    for (line, expected) in broken {
        let (number, reason) = file::parse(&format!("{sound}\n# remark\n{line}\n")).unwrap_err();
        assert_eq!(number, 3, "{line}");
        assert!(reason.contains(expected), "{line}: {reason}");
        assert!(!reason.contains("marker"), "{reason}");
    }
}

/// A changed file is taken over without a restart, a broken one isn't.
#[tokio::test]
async fn a_changed_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.jsonl");
    let first = create(&path, &["--accounts", "1"]);
    let (sender, mut keys) = tokio::sync::watch::channel(std::sync::Arc::new(load(&path).unwrap()));
    let stop = tokio_util::sync::CancellationToken::new();
    let watcher = tokio::spawn(watch(path.clone(), sender, stop.clone()));
    tokio::task::yield_now().await;

    let second = create(&path, &["--accounts", "2"]);
    keys.changed().await.unwrap();
    assert!(keys.borrow_and_update().find(&second).is_some());

    let sound = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, "{broken").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert!(!keys.has_changed().unwrap());
    assert!(keys.borrow().find(&first).is_some());

    std::fs::write(&path, sound.lines().next().unwrap()).unwrap();
    keys.changed().await.unwrap();
    assert!(
        keys.borrow().find(&second).is_none(),
        "a key that was taken out is void"
    );
    stop.cancel();
    watcher.await.unwrap();
}
