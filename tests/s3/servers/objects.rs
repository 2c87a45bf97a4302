//! The store alone: the bucket, conditional writes, the journal, and what it says when it can't.

use vvbill::state::store::s3::S3Store;
use vvbill::state::store::{Expect, Object, Version};
use vvbill::state::{Store, StoreError};

use super::{bucket, config, pace, sdk, store, take_lock, url};
use crate::proxy::{Faults, Proxy};

fn is_conflict<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict { .. }))
}

/// Protects: a missing bucket is said to a reader, and made by the first writer: versioned, encrypted, closed,
/// tagged, and in the region of the settings.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_write_makes_the_bucket() {
    for region in ["us-east-1", "eu-central-1"] {
        let (proxy, bucket) = (Proxy::new(1), bucket());
        let settings = config(&proxy.url(), Some(region)).await;
        let store = S3Store::new(&settings, &format!("s3://{bucket}/state")).unwrap();
        let store = store.with_pace(pace()).of_plan("billing");
        let error = store.read(&Object::State).await.unwrap_err().to_string();
        assert!(
            error.contains("no such bucket") && error.contains("vvbill apply"),
            "{error}"
        );
        proxy.set_faults(Faults {
            lost_answer: 0.3,
            slow_down: 0.2,
            ..Faults::default()
        });
        store
            .write(&Object::State, b"{}".to_vec(), Expect::Absent, &None)
            .await
            .unwrap();
        let sdk = sdk().await;
        let located = sdk.get_bucket_location().bucket(&bucket).send().await.unwrap();
        let place = located
            .location_constraint()
            .map(|place| place.as_str().to_owned());
        assert_eq!(
            place.unwrap_or_default(),
            if region == "us-east-1" { "" } else { region }
        );
        proxy.set_faults(Faults::default());
        let again = Store::write(&store, &Object::State, b"{ }".to_vec(), Expect::Anything, &None);
        again.await.unwrap();
        let versions = sdk.list_object_versions().bucket(&bucket).prefix("state");
        let versions = versions.send().await.unwrap();
        let of_state = versions
            .versions()
            .iter()
            .filter(|one| one.key() == Some("state"));
        assert_eq!(of_state.count(), 2, "the former version is kept");
        let access = sdk
            .get_public_access_block()
            .bucket(&bucket)
            .send()
            .await
            .unwrap();
        let access = access.public_access_block_configuration().unwrap();
        assert!(access.block_public_acls().unwrap() && access.restrict_public_buckets().unwrap());
        let encryption = sdk.get_bucket_encryption().bucket(&bucket).send().await.unwrap();
        let rules = encryption.server_side_encryption_configuration().unwrap().rules();
        let algorithm = rules[0].apply_server_side_encryption_by_default().unwrap();
        assert_eq!(algorithm.sse_algorithm().as_str(), "AES256");
        let lifecycle = sdk.get_bucket_lifecycle_configuration().bucket(&bucket);
        let lifecycle = lifecycle.send().await.unwrap();
        let prefixes = lifecycle
            .rules()
            .iter()
            .map(|rule| rule.filter().unwrap().prefix().unwrap());
        assert_eq!(prefixes.collect::<Vec<_>>(), ["state.journal", "state.lock"]);
        let tags = sdk.get_bucket_tagging().bucket(&bucket).send().await.unwrap();
        assert_eq!(
            (tags.tag_set()[0].key(), tags.tag_set()[0].value()),
            ("vvbill:plan", "billing")
        );
    }
}

/// Protects: a bucket in another region than the settings' is found all the same, and without any region.
#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_is_found_in_its_region() {
    let (proxy, url) = (Proxy::new(1), url());
    let there = S3Store::new(&config(&proxy.url(), Some("eu-west-1")).await, &url).unwrap();
    there
        .write(&Object::State, b"{}".to_vec(), Expect::Absent, &None)
        .await
        .unwrap();
    for region in [Some("us-west-2"), None] {
        let here = S3Store::new(&config(&proxy.url(), region).await, &url).unwrap();
        assert_eq!(here.read(&Object::State).await.unwrap().unwrap().bytes, b"{}");
    }
    let nowhere = config(&proxy.url(), None).await;
    let nowhere = S3Store::new(&nowhere, &super::url()).unwrap().with_pace(pace());
    let written = nowhere
        .write(&Object::State, b"{}".to_vec(), Expect::Absent, &None)
        .await;
    let error = written.unwrap_err().to_string();
    assert!(error.contains("AWS_REGION"), "{error}");
}

/// Protects: whose expectation no longer holds writes and removes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn writes_are_conditional() {
    let (proxy, url) = (Proxy::new(1), url());
    let store = store(&proxy, &url).await;
    let write = |text: &'static str, expect| store.write(&Object::State, text.into(), expect, &None);
    let gone = Version("\"0123456789abcdef0123456789abcdef\"".into());
    assert!(is_conflict(&write("0", Expect::Version(gone.clone())).await));
    let first = write("1", Expect::Absent).await.unwrap();
    assert!(is_conflict(&write("2", Expect::Absent).await));
    let second = write("2", Expect::Version(first.clone())).await.unwrap();
    assert!(is_conflict(&write("3", Expect::Version(first.clone())).await));
    let state = store.read(&Object::State).await.unwrap().unwrap();
    assert_eq!(
        (state.bytes.as_slice(), &state.version),
        (b"2".as_slice(), &second)
    );
    let previous = store.read(&Object::PreviousState).await.unwrap().unwrap();
    assert_eq!(previous.bytes, b"1", "the state before is kept");
    assert!(is_conflict(
        &store.remove(&Object::State, Expect::Version(first)).await
    ));
    store
        .remove(&Object::State, Expect::Version(second.clone()))
        .await
        .unwrap();
    assert!(is_conflict(
        &store.remove(&Object::State, Expect::Version(second)).await
    ));
    assert_eq!(store.read(&Object::State).await.unwrap(), None);
    write("4", Expect::Absent).await.unwrap();
    write("5", Expect::Anything).await.unwrap();
}

/// Protects: the journal goes on, ends, and begins again; nobody sees the line that the store puts first.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_goes_on_and_ends() {
    let (proxy, url) = (Proxy::new(1), url());
    let store = store(&proxy, &url).await;
    let fence = Some("one".to_owned());
    take_lock(&store, "one").await;
    store.take_over(&fence).await.unwrap();
    assert_eq!(store.read_journal().await.unwrap(), b"");
    for line in ["a\n", "b\n"] {
        store.append(line.into(), &fence).await.unwrap();
    }
    assert_eq!(store.read_journal().await.unwrap(), b"a\nb\n");
    let later = super::store(&proxy, &url).await;
    assert_eq!(later.read_journal().await.unwrap(), b"a\nb\n");
    store.archive_journal(&fence).await.unwrap();
    store.archive_journal(&fence).await.unwrap();
    assert_eq!(store.read_journal().await.unwrap(), b"");
    let ended = store.read(&Object::PreviousJournal).await.unwrap().unwrap();
    assert_eq!(ended.bytes, b"a\nb\n");
    store.append(b"c\n".to_vec(), &fence).await.unwrap();
    assert_eq!(store.read_journal().await.unwrap(), b"c\n");
}

/// Protects: an object is JSON, encrypted as the bucket says, and nothing makes it public.
#[tokio::test(flavor = "multi_thread")]
async fn objects_are_plain_json() {
    let (proxy, bucket) = (Proxy::new(1), bucket());
    let store = store(&proxy, &format!("s3://{bucket}/a b/état")).await;
    let first = store
        .write(&Object::State, b"{}".to_vec(), Expect::Absent, &None)
        .await
        .unwrap();
    store
        .write(&Object::State, b"{ }".to_vec(), Expect::Version(first), &None)
        .await
        .unwrap();
    assert_eq!(
        store.read(&Object::PreviousState).await.unwrap().unwrap().bytes,
        b"{}"
    );
    let head = sdk()
        .await
        .head_object()
        .bucket(&bucket)
        .key("a b/état")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_type(), Some("application/json"));
    assert_eq!(store.place(&Object::Lock), format!("s3://{bucket}/a b/état.lock"));
}

/// Protects: who may not, or can't, is told what to do.
#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_to_do() {
    for (status, code, parts) in [
        (
            403,
            "AccessDenied",
            ["s3:ListBucket", "aws sts get-caller-identity"],
        ),
        (
            403,
            "InvalidAccessKeyId",
            ["AWS_PROFILE", "aws sts get-caller-identity"],
        ),
        (
            403,
            "SignatureDoesNotMatch",
            ["AWS_PROFILE", "aws sts get-caller-identity"],
        ),
        (
            400,
            "ExpiredToken",
            ["log in again", "aws sts get-caller-identity"],
        ),
        (403, "RequestTimeTooSkewed", ["clock", "NTP"]),
        (400, "InvalidRequest", ["InvalidRequest", "As the test has it."]),
    ] {
        let (proxy, url) = (Proxy::new(1), url());
        let store = store(&proxy, &url).await;
        store
            .write(&Object::State, b"{}".to_vec(), Expect::Absent, &None)
            .await
            .unwrap();
        proxy.answer(status, code);
        for error in [
            store.read(&Object::State).await.unwrap_err(),
            store
                .write(&Object::State, b"1".to_vec(), Expect::Absent, &None)
                .await
                .unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.starts_with("s3://"), "{text}");
            for part in parts {
                assert!(text.contains(part), "{text} lacks {part}");
            }
        }
    }
}

/// Protects: nobody there is said as such, after a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_server_is_said() {
    let anybody = config("http://127.0.0.1:9", Some("us-east-1")).await;
    let mut pace = pace();
    pace.give_up = std::time::Duration::from_millis(200);
    let store = S3Store::new(&anybody, &url()).unwrap().with_pace(pace);
    let error = store.read(&Object::State).await.unwrap_err().to_string();
    assert!(
        error.contains("no good answer") && error.contains("run the same command again"),
        "{error}"
    );
}

/// Protects: what is no place on S3 is refused before anything is asked.
#[tokio::test]
async fn nonsense_is_refused() {
    let settings = config("http://127.0.0.1:9", Some("us-east-1")).await;
    for url in ["s3://bucket", "s3://B/key", "bucket/key", "s3://bucket/"] {
        let error = S3Store::new(&settings, url).err().unwrap().to_string();
        assert!(error.contains("s3://bucket/key"), "{error}");
    }
}
