//! The services that the server speaks for: their protocols and the errors that are worded differently by each.

use crate::{call::Call, error::ServiceError, faults::FaultKind};

/// How a service is called and how it words the errors that any service can have.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    pub(crate) protocol: Protocol,
    throttling: Wording,
    internal: Wording,
    unavailable: Wording,
}

/// Code and message.
type Wording = (&'static str, &'static str);

#[derive(Debug)]
pub(crate) enum Protocol {
    /// A form in, an XML document out.
    Query { version: &'static str, namespace: &'static str },
    /// JSON in both directions; the action is in the header `X-Amz-Target`.
    Json {
        content_type: &'static str,
        /// What stands before the code of an error.
        error_prefix: &'static str,
        /// The member with the message of an error.
        message_member: &'static str,
    },
}

const UNAVAILABLE: Wording = ("ServiceUnavailable", "Service is unable to handle request.");

static CLOUDFORMATION: Service =
    Service::query("cloudformation", "2010-05-15", "http://cloudformation.amazonaws.com/doc/2010-05-15/");
static SNS: Service = Service::query("sns", "2010-03-31", "http://sns.amazonaws.com/doc/2010-03-31/");
static STS: Service = Service::query("sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/");

static DYNAMODB: Service = Service {
    name: "dynamodb",
    protocol: Protocol::Json {
        content_type: "application/x-amz-json-1.0",
        error_prefix: "com.amazonaws.dynamodb.v20120810#",
        message_member: "message",
    },
    throttling: ("ThrottlingException", "Rate of requests exceeds the allowed throughput."),
    internal: ("InternalServerError", "Internal server error"),
    unavailable: ("ServiceUnavailable", "The service is currently unavailable"),
};

static ORGANIZATIONS: Service = Service {
    name: "organizations",
    protocol: Protocol::Json {
        content_type: "application/x-amz-json-1.1",
        error_prefix: "",
        message_member: "Message",
    },
    throttling: (
        "TooManyRequestsException",
        "AWS Organizations can't complete your request because another request is already in progress. Try again later.",
    ),
    internal: (
        "ServiceException",
        "AWS Organizations can't complete your request because of an internal service error.",
    ),
    unavailable: UNAVAILABLE,
};

static ALL: [&Service; 5] = [&CLOUDFORMATION, &SNS, &STS, &DYNAMODB, &ORGANIZATIONS];

impl Service {
    const fn query(name: &'static str, version: &'static str, namespace: &'static str) -> Self {
        Self {
            name,
            protocol: Protocol::Query { version, namespace },
            throttling: ("Throttling", "Rate exceeded"),
            internal: (
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
            unavailable: UNAVAILABLE,
        }
    }

    /// The service that the call was signed for; CloudFormation words the errors of calls to any other.
    pub(crate) fn of(call: &Call) -> &'static Self {
        ALL.into_iter().find(|service| service.name == call.service).unwrap_or(&CLOUDFORMATION)
    }

    /// Refuses calls that no service understands: unsigned, signed for another service, or of another API version.
    pub(crate) fn check(&self, call: &Call) -> Result<(), ServiceError> {
        match call.service.as_str() {
            "" => {
                let message = "Request is missing Authentication Token";
                return Err(ServiceError::new(403, "MissingAuthenticationToken", message));
            }
            name if name != self.name => {
                let message = format!("Credential should be scoped to a known service, not '{name}'");
                return Err(ServiceError::new(403, "SignatureDoesNotMatch", &message));
            }
            _ => {}
        }
        match self.protocol {
            Protocol::Query { version, .. } if call.param("Version") != Some(version) => {
                Err(invalid_action(call, call.param("Version").unwrap_or("NO_VERSION_SPECIFIED")))
            }
            _ => Ok(()),
        }
    }

    /// The error that an action which does not exist is answered with.
    pub(crate) fn unknown_action(&self, call: &Call) -> ServiceError {
        match self.protocol {
            Protocol::Query { version, .. } => invalid_action(call, version),
            Protocol::Json { .. } => ServiceError::new(400, "UnknownOperationException", ""),
        }
    }

    /// The error of a fault, if it is one that has a document.
    pub(crate) fn error_of(&self, fault: &FaultKind) -> Option<ServiceError> {
        let (status, (code, message)) = match fault {
            FaultKind::Error { status, code, message } => (*status, (code.as_str(), message.as_str())),
            FaultKind::Throttling => (400, self.throttling),
            FaultKind::InternalFailure => (500, self.internal),
            FaultKind::ServiceUnavailable => (503, self.unavailable),
            _ => return None,
        };
        Some(ServiceError::new(status, code, message))
    }
}

fn invalid_action(call: &Call, version: &str) -> ServiceError {
    let message = format!("Could not find operation {} for version {version}", call.action);
    ServiceError::new(400, "InvalidAction", &message)
}
