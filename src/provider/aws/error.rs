//! What a failed call means: for the engine a class, for a person the service's own words and what to do.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::provider::{ErrorClass, ProviderError};

/// A call's answer, with its error put into the engine's terms. `action` is IAM's name for the call, such
/// as `ec2:CreateVpc`: it is what a policy has to allow.
pub(super) trait Call<T> {
    /// Failures of any kind are errors.
    fn called(self, action: &'static str) -> Result<T, ProviderError>;
    /// `None` where the service says that there is no such thing.
    fn or_absent(self, action: &'static str) -> Result<Option<T>, ProviderError>;
    /// `None` where the service says that there is one of that name already.
    fn or_taken(self, action: &'static str) -> Result<Option<T>, ProviderError>;
}

impl<T, E> Call<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn called(self, action: &'static str) -> Result<T, ProviderError> {
        self.map_err(|error| failed(action, &error))
    }

    fn or_absent(self, action: &'static str) -> Result<Option<T>, ProviderError> {
        match self {
            Err(error) if error.code().is_some_and(says_absent) => Ok(None),
            result => result.called(action).map(Some),
        }
    }

    fn or_taken(self, action: &'static str) -> Result<Option<T>, ProviderError> {
        match self {
            Err(error) if error.code().is_some_and(says_taken) => Ok(None),
            result => result.called(action).map(Some),
        }
    }
}

/// The services' many names for "there is no such thing".
pub(super) fn says_absent(code: &str) -> bool {
    code.contains("NotFound") || code.starts_with("NoSuch")
}

/// The services' many names for "there is one already".
pub(super) fn says_taken(code: &str) -> bool {
    code.contains("AlreadyExist")
        || code.contains("AlreadyOwned")
        || code.ends_with(".Duplicate")
        || code.starts_with("Duplicate")
        || matches!(
            code,
            "PriorityInUse"
                | "ResourceInUseException"
                | "ResourceExistsException"
                | "ResourceConflictException"
        )
}

const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// The thing, or one that it needs or that needs it, is on its way: the same call will do in a while.
const PASSING: &[&str] = &[
    "CacheSubnetGroupInUse",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConcurrentTagAccess",
    "DeleteConflict",
    "DependencyViolation",
    "IncorrectState",
    "InvalidCacheClusterState",
    "InvalidCacheParameterGroupState",
    "InvalidDBClusterStateFault",
    "InvalidDBInstanceState",
    "InvalidDBParameterGroupState",
    "InvalidDBProxyStateFault",
    "InvalidDBSubnetGroupStateFault",
    "InvalidGlobalClusterStateFault",
    "InvalidReplicationGroupState",
    "OperationAborted",
    "ResourceInUse",
    "ResourceInUseException",
    "ResourceInUseFault",
];

const CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
    "UnauthorizedOperation",
];

fn failed<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> ProviderError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let (code, message) = (error.code().unwrap_or("no code"), error.message());
            answered(action, status, code, message.unwrap_or("no reason given"))
        }
        SdkError::TimeoutError(_) => ProviderError::unknown(format!("{action}: no answer in time")),
        _ => unanswered(action, &DisplayErrorContext(error).to_string()),
    }
}

/// No answer of the service: before the call left, or on its way.
fn unanswered(action: &'static str, why: &str) -> ProviderError {
    if why.contains("credential") || why.contains("profile") || why.contains("SSO") {
        return ProviderError::refused(format!(
            "{action}: there are no usable credentials: {}",
            first_cause(why)
        ))
        .with_hint(NO_CREDENTIALS);
    }
    ProviderError::unknown(format!("{action}: {}", first_cause(why)))
        .with_hint("is the network up, and the region's endpoint (or --endpoint-url) reachable?")
}

pub(super) const NO_CREDENTIALS: &str = "`aws sts get-caller-identity` shows whose they are; set AWS_PROFILE, \
     AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws sso login`";

/// The SDK's chain of causes without its debug print.
fn first_cause(why: &str) -> &str {
    why.split(" (").next().unwrap_or(why).trim()
}

/// What an answer with an error code means.
pub(super) fn answered(action: &'static str, status: u16, code: &str, message: &str) -> ProviderError {
    let (class, hint) = judge(action, status, code);
    ProviderError {
        class,
        message: format!("{action}: {message} ({code})"),
        hint,
    }
}

fn judge(action: &'static str, status: u16, code: &str) -> (ErrorClass, Option<String>) {
    if THROTTLED.contains(&code) || status == 429 {
        return (ErrorClass::Throttled, None);
    }
    if CREDENTIALS.contains(&code) {
        return (ErrorClass::Refused, Some(NO_CREDENTIALS.into()));
    }
    if DENIED.contains(&code) {
        let hint = format!("whoever runs vvbill needs a policy that allows `{action}`");
        return (ErrorClass::Refused, Some(hint));
    }
    if PASSING.contains(&code) || says_absent(code) {
        return (ErrorClass::Transient, None);
    }
    if code.contains("LimitExceeded") || code.contains("QuotaExceeded") || code.starts_with("TooMany") {
        let service = action.split(':').next().unwrap_or_default();
        let hint = format!(
            "a quota of the account is reached: ask for more with `aws service-quotas \
             request-service-quota-increase --service-code {service} …`, or make room"
        );
        return (ErrorClass::Refused, Some(hint));
    }
    if status >= 500 {
        return (ErrorClass::Unknown, None);
    }
    (ErrorClass::Refused, None)
}
