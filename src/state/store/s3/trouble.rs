//! What an error of S3 means for a write: refused, not there, unknown, or final with what to do about it.

use std::error::Error as StdError;
use std::fmt::Write as _;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The condition doesn't hold (412).
    Refused,
    /// There is no such object.
    NoObject,
    /// There is no such bucket.
    NoBucket,
    /// Perhaps it was done: no answer, 409, 429 or 5xx. In the words that came.
    Unclear(String),
    /// It was not done, and trying again won't help. With what to do.
    Final(String),
}

/// Codes that go away by themselves.
const PASSING: &[&str] = &[
    "ConditionalRequestConflict",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
];

const CREDENTIALS: &[&str] = &[
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "TokenRefreshRequired",
    "AuthFailure",
];

impl Trouble {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let Some(answer) = error.raw_response() else {
            return unanswered(error);
        };
        let status = answer.status().as_u16();
        let code = error.code().unwrap_or_default();
        match (status, code) {
            (412, _) => Self::Refused,
            (404, "NoSuchBucket") => Self::NoBucket,
            (404, _) => Self::NoObject,
            (429 | 500.., _) => Self::Unclear(words(status, code, error.message())),
            _ if PASSING.contains(&code) || matches!(error, SdkError::ResponseError(_)) => {
                Self::Unclear(words(status, code, error.message()))
            }
            _ => Self::Final(advice(status, code, error.message())),
        }
    }
}

/// Not sent, or no answer.
fn unanswered<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> Trouble {
    let text = chain(error);
    if is_of_credentials(error) {
        return Trouble::Final(format!(
            "no AWS credentials were found ({text}): set AWS_PROFILE or log in (`aws sso login`); \
             `aws sts get-caller-identity` shows who AWS takes you for"
        ));
    }
    match error {
        SdkError::ConstructionFailure(_) => {
            Trouble::Final(format!("the request to S3 could not be made: {text}"))
        }
        _ => Trouble::Unclear(text),
    }
}

fn is_of_credentials(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.is::<CredentialsError>() {
            return true;
        }
        next = cause.source();
    }
    false
}

fn advice(status: u16, code: &str, message: Option<&str>) -> String {
    let said = words(status, code, message);
    if CREDENTIALS.contains(&code) {
        return format!(
            "AWS does not take these credentials ({said}): set AWS_PROFILE or log in again; \
             `aws sts get-caller-identity` shows whether they are good"
        );
    }
    match (status, code) {
        (_, "RequestTimeTooSkewed") => {
            format!("this machine's clock is wrong ({said}): set it by NTP, then run the same command again")
        }
        (403, _) => format!(
            "these credentials may not do it ({said}): they need s3:ListBucket on the bucket and s3:GetObject, \
             s3:PutObject and s3:DeleteObject on its objects, and the same of the KMS key if it has one; \
             `aws sts get-caller-identity` shows who AWS takes you for, AWS_PROFILE names another"
        ),
        _ => said,
    }
}

fn words(status: u16, code: &str, message: Option<&str>) -> String {
    let mut text = format!("S3 answered {status}");
    for part in [Some(code).filter(|code| !code.is_empty()), message]
        .into_iter()
        .flatten()
    {
        write!(text, ", {part}").expect("writing to a string can't fail");
    }
    text
}

/// The error and its causes, each said once.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            write!(text, ": {more}").expect("writing to a string can't fail");
        }
        next = cause.source();
    }
    text
}
