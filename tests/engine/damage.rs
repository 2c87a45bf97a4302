//! State and journal cut short, damaged, edited, swapped: an error that says what to do, or recovery, and
//! never a lost record.

use std::fs;

use rand::RngExt;
use serde_json::json;
use vvbill::apply::{self, SessionError};
use vvbill::plan::Options;
use vvbill::resource::Desired;
use vvbill::state::journal::JournalError;
use vvbill::state::{State, StateError};

use crate::rig::{Rig, address, desired, mutated, random, random_platform, seed};

async fn standing(seed: u64) -> (Rig, Vec<Desired>) {
    let rig = Rig::new(seed);
    let mut random = random(seed);
    let platform = random_platform(&mut random, 8);
    rig.converge(&platform, 1).await;
    let platform = mutated(&mut random, &platform);
    rig.converge(&platform, 1).await;
    (rig, platform)
}

/// Protects: wherever the state is cut, the next run puts it together again, record by record.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_cut_anywhere_is_restored() {
    let seed = seed();
    let (rig, platform) = standing(seed).await;
    let whole = fs::read(rig.file("state.json")).unwrap();
    let records = rig.state().await.resources;
    let mut random = random(seed);
    let saved: Vec<_> = ["state.json.previous", "journal.previous"]
        .map(|name| (rig.file(name), fs::read(rig.file(name)).unwrap()))
        .into_iter()
        .collect();
    for _ in 0..25 {
        let length = random.random_range(0..whole.len() - 2);
        fs::write(rig.file("state.json"), &whole[..length]).unwrap();
        saved
            .iter()
            .for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        let session = rig
            .session()
            .await
            .unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        assert_eq!(session.state().resources, records, "cut at {length}");
        session.close().await.unwrap();
    }
    fs::remove_file(rig.file("state.json")).unwrap();
    saved
        .iter()
        .for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let session = rig.session().await.unwrap();
    assert_eq!(session.state().resources, records, "removed");
    session.close().await.unwrap();
    rig.judge(&platform).await;
}

/// Protects: what was edited by hand is neither taken nor thrown away silently; `state push` takes it.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_state_is_refused_until_it_is_pushed() {
    let (rig, _) = standing(1).await;
    let text = fs::read_to_string(rig.file("state.json")).unwrap();
    let edited = text.replacen("\"size\": ", "\"size\": 1", 1);
    assert_ne!(edited, text);
    fs::write(rig.file("state.json"), &edited).unwrap();
    let error = rig.session().await.err().unwrap();
    assert!(
        matches!(
            error,
            SessionError::State {
                error: StateError::Edited,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("state push"), "{error}");
    assert_eq!(
        fs::read_to_string(rig.file("state.json")).unwrap(),
        edited,
        "an error touches nothing"
    );
    assert!(!rig.file("state.lock").exists(), "an error leaves no lock");

    let backup = apply::push_state(rig.store.clone(), None, edited.as_bytes(), false)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(fs::read_to_string(backup).unwrap(), edited);
    let serial = State::from_edited_json(text.as_bytes()).unwrap().serial;
    assert_eq!(rig.state().await.serial, serial + 1);
    let older = apply::push_state(rig.store.clone(), None, text.as_bytes(), false).await;
    assert!(matches!(older, Err(SessionError::NotPushed { .. })));
    assert!(
        apply::push_state(rig.store.clone(), None, text.as_bytes(), true)
            .await
            .is_ok()
    );
}

/// Protects: each way in which a state can be wrong has its own message, with the place in it.
#[tokio::test(flavor = "multi_thread")]
async fn each_damage_of_the_state_is_named() {
    let (rig, _) = standing(1).await;
    let text = fs::read_to_string(rig.file("state.json")).unwrap();
    let check = async |damaged: String, expect: &str| {
        fs::write(rig.file("state.json"), damaged).unwrap();
        let error = rig.session().await.err().unwrap();
        assert!(error.to_string().contains(expect), "{error}");
        assert!(error.to_string().contains("state.json"), "{error} names no file");
        assert!(error.hint().is_some());
    };
    check(text.replacen("\"serial\"", "serial", 1), "line 5, column 3").await;
    check(
        text.replacen("\"format_version\": 1", "\"format_version\": 2", 1),
        "upgrade vvbill",
    )
    .await;
    check(
        text.replacen("\"format_version\": 1", "\"format_version\": \"one\"", 1),
        "never existed",
    )
    .await;
    check(
        text.replacen("\"lineage\"", "\"lineages\"", 1),
        "missing field `lineage`",
    )
    .await;
    check(
        text.replacen("\"ready\"", "\"steady\"", 1),
        "unknown variant `steady`",
    )
    .await;
    check(text.replacen("\"serial\": ", "\"serial\": 1", 1), "checksum").await;
    check("PK\u{3}\u{4}".into(), "line 1, column 1").await;
}

/// Protects: a journal whose last line is torn tells all that was durable before; one that is damaged
/// before its end is refused, with the line.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_journal_is_taken_in_and_a_damaged_one_refused() {
    let seed = seed();
    let mut random = random(seed);
    let rig = Rig::new(seed);
    let platform = random_platform(&mut random, 8);
    rig.converge(&platform, 1).await;
    // As if the process had died right before it wrote the state.
    let before = fs::read(rig.file("state.json.previous")).unwrap();
    let journal = fs::read(rig.file("journal.previous")).unwrap();
    for length in (0..journal.len())
        .step_by(journal.len() / 60)
        .chain([journal.len()])
    {
        fs::write(rig.file("state.json"), &before).unwrap();
        fs::write(rig.file("journal"), &journal[..length]).unwrap();
        let session = rig
            .session()
            .await
            .unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        let whole = journal[..length].iter().filter(|byte| **byte == b'\n').count();
        let begun = String::from_utf8_lossy(&journal[..length]);
        let begun = begun
            .lines()
            .take(whole)
            .filter(|line| line.contains("\"entry\":\"begin\""))
            .count();
        let state = session.state();
        let known = state.resources.len()
            + state
                .pending_operations
                .iter()
                .filter(|one| one.id.is_none())
                .count();
        assert_eq!(
            known, begun,
            "cut at {length}: each begun creation is a record or pending"
        );
        session.close().await.unwrap();
    }
    let mut damaged = journal.clone();
    let middle = journal.len() / 2;
    damaged[middle] = damaged[middle].wrapping_add(1);
    let line = 1 + journal[..middle].iter().filter(|byte| **byte == b'\n').count();
    fs::write(rig.file("state.json"), &before).unwrap();
    fs::write(rig.file("journal"), &damaged).unwrap();
    let error = rig.session().await.err().unwrap();
    assert!(
        matches!(error, SessionError::Journal { error: JournalError::Corrupt { line: found, .. }, .. }
        if found == line || found == line + 1),
        "{error}"
    );
    assert!(error.hint().is_some());
    assert_eq!(
        fs::read(rig.file("journal")).unwrap(),
        damaged,
        "an error touches nothing"
    );
}

/// Protects: a state from a backup, put beside a newer journal, is not mixed with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_of_another_state_is_refused() {
    let (rig, _) = standing(1).await;
    let (old, new) = (Rig::new(2), standing(2).await.0);
    old.converge(&[desired("node", "x", json!({}))], 1).await;
    fs::copy(new.file("journal.previous"), rig.file("journal")).unwrap();
    let error = rig.session().await.err().unwrap();
    assert!(
        matches!(
            error,
            SessionError::Journal {
                error: JournalError::Foreign { .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(error.hint().is_some());
    let _ = old;
}

/// Protects: surgery keeps a backup, is checked like any write, and shows in the next plan.
#[tokio::test(flavor = "multi_thread")]
async fn surgery_leaves_a_backup() {
    let rig = Rig::new(1);
    let platform = [desired("node", "a", json!({})), desired("node", "b", json!({}))];
    rig.converge(&platform, 1).await;
    let mut session = rig.session().await.unwrap();
    let before = fs::read(rig.file("state.json")).unwrap();
    let (removed, backup) = session
        .edit("rm", |state: &mut State| {
            Ok::<_, SessionError>(state.resources.remove(&address("node", "a")))
        })
        .await
        .unwrap();
    session.close().await.unwrap();
    assert_eq!(fs::read(backup).unwrap(), before);
    let plan = rig.plan(&platform, &Options::default()).await.unwrap();
    assert_eq!(plan.tally().create, 1, "what was forgotten is new to the plan");
    let mut session = rig.session().await.unwrap();
    let id = removed.unwrap().id;
    apply::import(&mut session, &rig.providers, &platform[0], &id)
        .await
        .unwrap();
    let again = apply::import(&mut session, &rig.providers, &platform[0], &id).await;
    assert!(again.is_err());
    session.close().await.unwrap();
    rig.judge(&platform).await;
}
