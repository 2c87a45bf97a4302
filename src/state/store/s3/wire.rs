//! Single requests, each repeated until its outcome is known.
//!
//! The SDK's own retries are off: repeated blindly, a conditional write whose answer was lost meets its own
//! success as a refusal. Here whoever doesn't know reads back what stands, and compares.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use tokio::sync::OnceCell;

use super::super::{Blob, Expect, StoreError, Version};
use super::place::Place;
use super::trouble::Trouble;

/// How long an answer is waited for, and how a request is repeated.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// One request takes at most that long.
    pub answer: Duration,
    /// After that long nothing is tried again.
    pub give_up: Duration,
    /// Before the second try; doubled before each further one.
    pub first_pause: Duration,
    /// No pause is longer.
    pub longest_pause: Duration,
    /// Who writes to the journal looks at its lock at least so often.
    pub look_at_lock: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            give_up: Duration::from_secs(45),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
            look_at_lock: Duration::from_secs(1),
        }
    }
}

/// What became of a conditional write.
#[derive(Debug)]
pub(super) enum Put {
    /// It stands, as this version.
    Written(Version),
    /// Something else does.
    Differs(Option<Blob>),
}

/// The way to one bucket.
pub(super) struct Wire {
    pub(super) bucket: String,
    /// The state's.
    pub(super) key: String,
    pub(super) pace: Pace,
    /// The value of the tag `vvbill:plan`.
    pub(super) tag: String,
    pub(super) given: Option<SdkConfig>,
    pub(super) endpoint_url: Option<String>,
    pub(super) config: OnceCell<SdkConfig>,
    pub(super) client: OnceCell<Client>,
}

impl Wire {
    pub(super) fn new(place: &Place, given: Option<SdkConfig>, endpoint_url: Option<String>) -> Self {
        Self {
            bucket: place.bucket.clone(),
            key: place.key.clone(),
            pace: Pace::default(),
            tag: place.key.clone(),
            given,
            endpoint_url,
            config: OnceCell::new(),
            client: OnceCell::new(),
        }
    }

    /// The object, if there is one; an error where there is no bucket.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Blob>, StoreError> {
        self.look(key, true).await
    }

    /// The object, if there is one.
    pub(super) async fn look(&self, key: &str, needs_bucket: bool) -> Result<Option<Blob>, StoreError> {
        let mut tries = self.tries(key);
        loop {
            match self.try_get(key).await {
                Ok(blob) => return Ok(Some(blob)),
                Err(Trouble::NoObject) => return Ok(None),
                Err(Trouble::NoBucket) if !needs_bucket => return Ok(None),
                Err(Trouble::Unclear(why)) => tries.pause(&why).await?,
                Err(trouble) => return Err(tries.end(&trouble)),
            }
        }
    }

    /// Makes or replaces the object if what stands there is what is expected.
    pub(super) async fn put(&self, key: &str, bytes: Vec<u8>, expect: &Expect) -> Result<Put, StoreError> {
        let mut tries = self.tries(key);
        loop {
            let why = match self.try_put(key, bytes.clone(), expect).await {
                Ok(version) => return Ok(Put::Written(version)),
                Err(Trouble::NoBucket) => {
                    self.make_bucket(&mut tries).await?;
                    continue;
                }
                Err(Trouble::Refused | Trouble::NoObject) => "it is refused, and yet nothing else is there",
                Err(Trouble::Unclear(ref why)) => &why.clone(),
                Err(trouble) => return Err(tries.end(&trouble)),
            };
            if *expect != Expect::Anything {
                let found = self.look(key, false).await?;
                if let Some(blob) = &found
                    && blob.bytes == bytes
                {
                    return Ok(Put::Written(blob.version.clone()));
                }
                if !is_expected(found.as_ref(), expect) {
                    return Ok(Put::Differs(found));
                }
            }
            tries.pause(why).await?;
        }
    }

    /// Removes the object if what stands there is what is expected; false where it isn't.
    pub(super) async fn delete(&self, key: &str, expect: &Expect) -> Result<bool, StoreError> {
        let mut tries = self.tries(key);
        let mut perhaps_done = false;
        loop {
            let why = match self.try_delete(key, expect).await {
                Ok(()) => return Ok(true),
                Err(Trouble::Refused | Trouble::NoObject) => {
                    "it is refused, and yet nothing else is there".into()
                }
                Err(Trouble::Unclear(why)) => {
                    perhaps_done = true;
                    why
                }
                Err(trouble) => return Err(tries.end(&trouble)),
            };
            let found = self.look(key, false).await?;
            if found.is_none() && (perhaps_done || *expect != Expect::Anything) {
                return Ok(perhaps_done);
            }
            if !is_expected(found.as_ref(), expect) {
                return Ok(false);
            }
            tries.pause(&why).await?;
        }
    }

    /// Copies an object, if there is one and it is what is expected; otherwise does nothing.
    pub(super) async fn copy(&self, from: &str, to: &str, expect: &Expect) -> Result<(), StoreError> {
        let mut tries = self.tries(to);
        loop {
            match self.try_copy(from, to, expect).await {
                // What the copy is made for is refused for the same reason, and says so.
                Ok(()) | Err(Trouble::Refused | Trouble::NoObject | Trouble::NoBucket) => return Ok(()),
                Err(Trouble::Unclear(why)) => tries.pause(&why).await?,
                Err(trouble) => return Err(tries.end(&trouble)),
            }
        }
    }

    async fn try_get(&self, key: &str) -> Result<Blob, Trouble> {
        let client = self.client().await?;
        let request = client.get_object().bucket(&self.bucket).key(key);
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        let version = version(answer.e_tag)?;
        let body = answer.body.collect().await;
        let body = body.map_err(|error| Trouble::Unclear(error.to_string()))?;
        Ok(Blob {
            bytes: body.to_vec(),
            version,
        })
    }

    async fn try_put(&self, key: &str, bytes: Vec<u8>, expect: &Expect) -> Result<Version, Trouble> {
        let client = self.client().await?;
        let request = client.put_object().bucket(&self.bucket).key(key);
        let request = match expect {
            Expect::Absent => request.if_none_match("*"),
            Expect::Version(version) => request.if_match(&version.0),
            Expect::Anything => request,
        };
        let request = request
            .content_type("application/json")
            .body(ByteStream::from(bytes));
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        version(answer.e_tag)
    }

    async fn try_delete(&self, key: &str, expect: &Expect) -> Result<(), Trouble> {
        let client = self.client().await?;
        let request = client.delete_object().bucket(&self.bucket).key(key);
        let request = match expect {
            Expect::Absent => return Err(Trouble::Refused),
            Expect::Version(version) => request.if_match(&version.0),
            Expect::Anything => request,
        };
        request.send().await.map_err(|error| Trouble::of(&error))?;
        Ok(())
    }

    async fn try_copy(&self, from: &str, to: &str, expect: &Expect) -> Result<(), Trouble> {
        let client = self.client().await?;
        let source = format!("{}/{}", self.bucket, percent_encoded(from));
        let request = client
            .copy_object()
            .bucket(&self.bucket)
            .key(to)
            .copy_source(source);
        let request = match expect {
            Expect::Absent => return Err(Trouble::Refused),
            Expect::Version(version) => request.copy_source_if_match(&version.0),
            Expect::Anything => request,
        };
        request.send().await.map_err(|error| Trouble::of(&error))?;
        Ok(())
    }

    pub(super) fn tries(&self, key: &str) -> Tries {
        Tries {
            place: format!("s3://{}/{key}", self.bucket),
            pace: self.pace,
            since: Instant::now(),
            next_pause: self.pace.first_pause,
        }
    }
}

fn version(e_tag: Option<String>) -> Result<Version, Trouble> {
    let why = || Trouble::Final("S3 answered without an ETag: it can't keep a state".into());
    e_tag.map(Version).ok_or_else(why)
}

fn is_expected(found: Option<&Blob>, expect: &Expect) -> bool {
    match expect {
        Expect::Anything => true,
        Expect::Absent => found.is_none(),
        Expect::Version(version) => found.is_some_and(|blob| blob.version == *version),
    }
}

/// As the header `x-amz-copy-source` wants a key.
fn percent_encoded(key: &str) -> String {
    key.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The tries of one request.
pub(super) struct Tries {
    place: String,
    pace: Pace,
    since: Instant,
    next_pause: Duration,
}

impl Tries {
    /// Waits for the next try; an error where there is none.
    pub(super) async fn pause(&mut self, why: &str) -> Result<(), StoreError> {
        if self.since.elapsed() >= self.pace.give_up {
            let seconds = self.pace.give_up.as_secs_f64();
            return Err(StoreError::Failed {
                place: self.place.clone(),
                why: format!(
                    "S3 has given no good answer for {seconds:.0} s: {why}; run the same command again"
                ),
            });
        }
        tracing::debug!(place = self.place, why, "S3 is asked again");
        // Two that were refused together must not meet again.
        let part = rand::random_range(0.5..1.0);
        tokio::time::sleep(self.next_pause.mul_f64(part)).await;
        self.next_pause = (self.next_pause * 2).min(self.pace.longest_pause);
        Ok(())
    }

    pub(super) fn end(&self, trouble: &Trouble) -> StoreError {
        let why = match trouble {
            Trouble::NoBucket => {
                "there is no such bucket; the first `vvbill apply PLAN` makes it. Where a state is \
                                  kept already, look at `state.backend` and at the account: \
                                  `aws sts get-caller-identity`"
                    .into()
            }
            Trouble::Refused => "S3 refuses it: what is there is not what was expected".into(),
            Trouble::NoObject => "there is no such object".into(),
            Trouble::Unclear(why) | Trouble::Final(why) => why.clone(),
        };
        StoreError::Failed {
            place: self.place.clone(),
            why,
        }
    }
}
