//! Everything that the server knows while it runs, and how it answers one call.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use crate::{
    calls, cloudformation, dynamodb,
    faults::{self, FaultKind, Fired},
    http::{Break, Reply},
    ids,
    pages::{Rendered, Tokens, Turn},
    query::{self, Call, Refusal},
    scenario::Scenario,
    sns::{self, Published},
    xml,
};

/// One request that reached the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `cloudformation`, `sns` or `dynamodb`, as its signature says; empty when it has none.
    pub service: String,
    /// The action.
    pub action: String,
    /// All parameters, decoded, in their order.
    pub params: Vec<(String, String)>,
    /// The Region that it was signed for.
    pub region: String,
    /// The access key that signed it.
    pub access_key: String,
    /// The HTTP status of the answer; `None` if there was none.
    pub status: Option<u16>,
    /// The page token handed out.
    pub token: Option<String>,
    /// How many rows were served.
    pub rows: usize,
    /// When it came.
    pub at: Instant,
    /// What went wrong with it, delays aside.
    pub fault: Option<FaultKind>,
}

impl Request {
    /// The value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What an action answers when all is well.
#[derive(Debug)]
pub(crate) struct Answer {
    result: String,
    token: Option<String>,
    rows: usize,
}

impl Answer {
    pub(crate) fn plain(result: String) -> Self {
        Self { result, token: None, rows: 0 }
    }

    pub(crate) fn page(members: &str, turn: Turn) -> Self {
        let mut result = String::with_capacity(members.len() + 256);
        xml::nested(&mut result, "Summaries", |out| {
            if turn.rows > 0 {
                out.push_str(members);
            }
        });
        if let Some(token) = &turn.token {
            result.push_str("<NextToken>");
            xml::text(&mut result, token);
            result.push_str("</NextToken>");
        }
        Self { result, token: turn.token, rows: turn.rows }
    }
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) tokens: Tokens,
    pub(crate) rendered: Rendered,
    /// Answered first-page calls of each operation's results: the clock of eventual consistency.
    pub(crate) first_pages: HashMap<String, usize>,
    pub(crate) published: Vec<Published>,
    pub(crate) requests: Vec<Request>,
    pub(crate) fired: Vec<Fired>,
    pub(crate) under_way: Arc<AtomicUsize>,
    pub(crate) most_at_once: usize,
    calls: HashMap<String, usize>,
    answers: usize,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self { scenario, ..Self::default() }
    }

    /// Answers one call, and says how long that takes.
    pub(crate) fn answer(&mut self, call: Call) -> (Duration, Reply) {
        calls::note(&call);
        let number = self.calls.entry(call.action.clone()).or_default();
        *number += 1;
        let page = match call.param("NextToken") {
            None => Some(1),
            Some(token) => self.tokens.get(token).map(|place| place.page),
        };
        let met = faults::meet(&mut self.scenario.faults, &call, *number, page);
        self.fired.extend(met.fired);
        self.answers += 1;
        let request_id = ids::uuid_from(&format!("request {}", self.answers));

        let mut request = Request {
            service: call.service.clone(),
            action: call.action.clone(),
            params: Vec::new(),
            region: call.region.clone(),
            access_key: call.access_key.clone(),
            status: None,
            token: None,
            rows: 0,
            at: Instant::now(),
            fault: met.kind.clone(),
        };
        let reply = self.reply(&call, met.kind.as_ref(), request_id, &mut request);
        request.status = reply.status();
        request.params = call.params;
        self.requests.push(request);
        let latency = self.scenario.latency.unwrap_or_default();
        (latency + met.delay, reply)
    }

    fn reply(&mut self, call: &Call, fault: Option<&FaultKind>, request_id: String, request: &mut Request) -> Reply {
        match fault {
            Some(FaultKind::Reset) => return Reply::Close,
            Some(FaultKind::Hang) => return Reply::Never,
            Some(FaultKind::NotXml) => return Reply::proxy_page(),
            _ => {}
        }
        if call.service == "dynamodb" {
            return self.reply_in_json(call, fault, request_id);
        }
        let namespace = match call.service.as_str() {
            "sns" => sns::NAMESPACE,
            _ => cloudformation::NAMESPACE,
        };
        let outcome = match fault.and_then(refusal) {
            Some(refusal) => Err(refusal),
            None => self.carry_out(call, fault),
        };
        let (status, body) = match outcome {
            Ok(answer) => {
                request.token = answer.token;
                request.rows = answer.rows;
                let body = query::response(namespace, &call.action, &answer.result, &request_id);
                (200, body)
            }
            Err(refusal) => (refusal.status, refusal.to_xml(namespace, &request_id)),
        };
        match fault {
            Some(FaultKind::LostAnswer) => Reply::Close,
            Some(FaultKind::Silence) => Reply::Never,
            Some(FaultKind::ResetMidBody) => Reply::half(status, body, request_id, Break::Reset),
            Some(FaultKind::Stall) => Reply::half(status, body, request_id, Break::Silence),
            Some(FaultKind::RenamedTag) => Reply::xml(status, faults::rename(body), request_id),
            Some(FaultKind::CutXml) => Reply::xml(status, faults::cut(body), request_id),
            Some(FaultKind::MalformedXml) => Reply::xml(status, faults::malform(body), request_id),
            _ => Reply::xml(status, body, request_id),
        }
    }

    fn reply_in_json(&mut self, call: &Call, fault: Option<&FaultKind>, request_id: String) -> Reply {
        let outcome = match fault.and_then(dynamodb::refusal) {
            Some(failure) => Err(failure),
            None => dynamodb::answer(&mut self.scenario, call, fault),
        };
        let (status, body) = match outcome {
            Ok(body) => (200, body),
            Err(failure) => (failure.status(), failure.to_json()),
        };
        match fault {
            Some(FaultKind::LostAnswer) => Reply::Close,
            Some(FaultKind::Silence) => Reply::Never,
            _ => Reply::json(status, body, &request_id),
        }
    }

    fn carry_out(&mut self, call: &Call, fault: Option<&FaultKind>) -> Result<Answer, Refusal> {
        let version = match call.service.as_str() {
            "cloudformation" => cloudformation::VERSION,
            "sns" => sns::VERSION,
            "" => {
                return Err(Refusal::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
            }
            other => {
                return Err(Refusal::new(
                    403,
                    "SignatureDoesNotMatch",
                    &format!("Credential should be scoped to a known service, not '{other}'"),
                ));
            }
        };
        if call.param("Version") != Some(version) {
            return Err(Refusal::new(
                400,
                "InvalidAction",
                &format!(
                    "Could not find operation {} for version {}",
                    call.action,
                    call.param("Version").unwrap_or("NO_VERSION_SPECIFIED")
                ),
            ));
        }
        match call.service.as_str() {
            "sns" => sns::answer(self, call),
            _ => cloudformation::answer(self, call, fault),
        }
    }
}

/// The error document that a fault amounts to, if it is one.
fn refusal(fault: &FaultKind) -> Option<Refusal> {
    Some(match fault {
        FaultKind::Error { status, code, message } => Refusal::new(*status, code, message),
        FaultKind::Throttling => Refusal::new(400, "Throttling", "Rate exceeded"),
        FaultKind::InternalFailure => Refusal::new(
            500,
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
        ),
        FaultKind::ServiceUnavailable => {
            Refusal::new(503, "ServiceUnavailable", "Service is unable to handle request.")
        }
        _ => return None,
    })
}
