//! Everything that the server knows while it runs, and how it handles one call.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use crate::{
    call::Call,
    calls, cloudformation, dynamodb,
    error::{self, ServiceError},
    faults::{self, FaultKind, Fired},
    http::{Break, HttpResponse},
    ids, instances, organizations,
    pages::{Page, Rendered, Tokens},
    scenario::Scenario,
    service::{Protocol, Service},
    sessions::{self, Sessions},
    sns::{self, Published},
    stacks,
    subscriptions::Delivery,
    xml,
};

/// One request that reached the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The service that it was signed for, such as `cloudformation`; empty if it was not signed.
    pub service: String,
    /// The action.
    pub action: String,
    /// All parameters, decoded, in their order.
    pub params: Vec<(String, String)>,
    /// The Region that it was signed for.
    pub region: String,
    /// The access key that signed it.
    pub access_key: String,
    /// The HTTP status of the response; `None` if there was none.
    pub status: Option<u16>,
    /// The page token handed out.
    pub token: Option<String>,
    /// How many rows were served.
    pub rows: usize,
    /// When it came.
    pub at: Instant,
    /// The fault that it met, unless that was a delay.
    pub fault: Option<FaultKind>,
}

impl Request {
    /// The value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The result of an action that succeeded.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// XML inside the result element, or a JSON document.
    body: String,
    token: Option<String>,
    rows: usize,
}

impl Output {
    pub(crate) fn new(body: String) -> Self {
        Self { body, ..Self::default() }
    }

    /// A page of a list with this name, whose `<member>` elements are written already.
    pub(crate) fn page(list: &str, members: &str, page: Page) -> Self {
        let mut body = String::with_capacity(members.len() + 256);
        xml::nested(&mut body, list, |out| out.push_str(members));
        xml::optional(&mut body, "NextToken", page.token.as_deref());
        Self { body, token: page.token, rows: page.rows.len() }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) scenario: Scenario,
    pub(crate) tokens: Tokens,
    pub(crate) rendered: Rendered,
    /// How many first pages of each list were answered: the clock of eventual consistency.
    pub(crate) first_pages: HashMap<String, usize>,
    pub(crate) sessions: Sessions,
    /// How many times each operation was described.
    pub(crate) described: HashMap<String, usize>,
    pub(crate) published: Vec<Published>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) requests: Vec<Request>,
    pub(crate) fired: Vec<Fired>,
    pub(crate) in_flight: Arc<AtomicUsize>,
    pub(crate) most_at_once: usize,
    calls: HashMap<String, usize>,
}

impl State {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self { scenario, ..Self::default() }
    }

    /// Handles one call: the response, and how much later it is to be sent.
    pub(crate) fn handle(&mut self, call: Call) -> (Duration, HttpResponse) {
        calls::note(&call, self.sessions.role(&call.access_key));
        let number = self.calls.entry(call.action.clone()).or_default();
        *number += 1;
        let page = match call.param("NextToken") {
            None => Some(1),
            Some(token) => self.tokens.get(token).map(|cursor| cursor.page),
        };
        let faults = faults::take(&mut self.scenario.faults, &call, *number, page);
        self.fired.extend(faults.fired);
        let request_id = ids::uuid_from(&format!("request {} {number}", call.action));

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
            fault: faults.kind.clone(),
        };
        let response = self.respond(&call, faults.kind.as_ref(), request_id, &mut request);
        request.status = response.status();
        request.params = call.params;
        self.requests.push(request);
        (self.scenario.latency.unwrap_or_default() + faults.delay, response)
    }

    fn respond(
        &mut self,
        call: &Call,
        fault: Option<&FaultKind>,
        request_id: String,
        request: &mut Request,
    ) -> HttpResponse {
        match fault {
            Some(FaultKind::Reset) => return HttpResponse::Close,
            Some(FaultKind::Hang) => return HttpResponse::Hang,
            Some(FaultKind::NotXml) => return HttpResponse::proxy_page(),
            _ => {}
        }
        let service = Service::of(call);
        let outcome = match fault.and_then(|fault| service.error_of(fault)) {
            Some(error) => Err(error),
            None => service.check(call).and_then(|()| self.carry_out(service, call, fault)),
        };
        let (status, body) = match (outcome, &service.protocol) {
            (Ok(output), protocol) => {
                request.token = output.token;
                request.rows = output.rows;
                let body = match protocol {
                    Protocol::Query { namespace, .. } => {
                        error::envelope(namespace, &call.action, &output.body, &request_id)
                    }
                    Protocol::Json { .. } => output.body,
                };
                (200, body)
            }
            (Err(error), Protocol::Query { namespace, .. }) => (error.status, error.to_xml(namespace, &request_id)),
            (Err(error), Protocol::Json { error_prefix, message_member, .. }) => {
                (error.status, error.to_json(error_prefix, message_member))
            }
        };
        let content_type = match service.protocol {
            Protocol::Query { .. } => "text/xml",
            Protocol::Json { content_type, .. } => content_type,
        };
        match fault {
            Some(FaultKind::LostAnswer) => HttpResponse::Close,
            Some(FaultKind::Silence) => HttpResponse::Hang,
            Some(FaultKind::ResetMidBody) => HttpResponse::half(status, content_type, body, Break::Reset),
            Some(FaultKind::Stall) => HttpResponse::half(status, content_type, body, Break::Silence),
            Some(FaultKind::RenamedTag) => HttpResponse::new(status, content_type, faults::rename_tag(body)),
            Some(FaultKind::CutXml) => HttpResponse::new(status, content_type, faults::cut(body)),
            Some(FaultKind::MalformedXml) => HttpResponse::new(status, content_type, faults::add_tag(body)),
            _ => HttpResponse::new(status, content_type, body),
        }
        .request_id(&request_id)
    }

    fn carry_out(&mut self, service: &Service, call: &Call, fault: Option<&FaultKind>) -> Result<Output, ServiceError> {
        let caller = self.sessions.caller(call)?;
        match (call.service.as_str(), call.action.as_str()) {
            ("cloudformation", "DescribeEvents") => return stacks::describe_events(self, call, &caller, fault),
            ("cloudformation", "DescribeStackEvents") => {
                return stacks::describe_stack_events(self, call, &caller, fault);
            }
            ("sts", "AssumeRole") => return sessions::assume_role(self, call, &caller),
            ("sts", "GetCallerIdentity") => return Ok(sessions::caller_identity(&self.scenario, &caller)),
            _ => caller.must_be_function(&self.scenario, call)?,
        }
        match (call.service.as_str(), call.action.as_str()) {
            ("cloudformation", "DescribeStackSetOperation") => cloudformation::describe_operation(self, call),
            ("cloudformation", "ListStackSetOperationResults") => cloudformation::list_results(self, call, fault),
            ("cloudformation", "ListStackSetOperations") => cloudformation::list_operations(self, call, fault),
            ("cloudformation", "ListStackSets") => cloudformation::list_stack_sets(self, call, fault),
            ("cloudformation", "ListStackInstances") => instances::list(self, call, fault),
            ("sns", "Publish") => sns::publish(self, call),
            ("organizations", "DescribeAccount") => organizations::describe_account(&self.scenario, call),
            ("organizations", "DescribeOrganizationalUnit") => {
                organizations::describe_organizational_unit(&self.scenario, call)
            }
            ("dynamodb", "UpdateItem") => dynamodb::update_item(&mut self.scenario, &call.json),
            ("dynamodb", "BatchGetItem") => dynamodb::batch_get_item(&mut self.scenario, &call.json, fault),
            _ => Err(service.unknown_action(call)),
        }
    }
}
