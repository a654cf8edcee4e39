//! The Lambda Runtime API, from which a function takes its events.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Request,
    body::Incoming,
    http::{Method, header::HeaderName},
};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use crate::{
    http::{HttpResponse, Server},
    ids,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE_MS: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const MAX_RESPONSE: usize = 6 * 1024 * 1024;

/// One invocation of the function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The event; it need not be JSON.
    pub payload: Bytes,
    /// The ARN of the function.
    pub function_arn: String,
    /// The timeout of the function, counted from when it takes the event.
    pub timeout: Duration,
    /// How long [`Runtime::invoke`] waits for the outcome, including the start of the function.
    pub wait_limit: Duration,
}

impl Invocation {
    /// An invocation with a JSON event and a timeout of 60 seconds.
    pub fn new(payload: &Value) -> Self {
        Self::raw(payload.to_string())
    }

    /// An invocation with any bytes as the event.
    pub fn raw(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            function_arn: crate::demo::FUNCTION_ARN.to_owned(),
            timeout: Duration::from_secs(60),
            wait_limit: Duration::from_secs(90),
        }
    }

    /// Sets the ARN.
    #[must_use]
    pub fn function_arn(mut self, arn: &str) -> Self {
        self.function_arn = arn.to_owned();
        self
    }

    /// Sets the timeout of the function.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long to wait for the outcome.
    #[must_use]
    pub fn wait_limit(mut self, limit: Duration) -> Self {
        self.wait_limit = limit;
        self
    }
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function answered.
    Response(Value),
    /// The function failed.
    Error {
        /// What kind of error.
        error_type: String,
        /// What went wrong.
        error_message: String,
        /// The whole document that the function posted.
        raw: Value,
    },
}

impl Outcome {
    fn error(header: Option<&str>, body: &[u8]) -> Self {
        let raw: Value =
            serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
        Self::Error {
            error_type: text("errorType").or_else(|| header.map(str::to_owned)).unwrap_or_default(),
            error_message: text("errorMessage").unwrap_or_default(),
            raw,
        }
    }
}

#[derive(Debug, Default)]
struct Invocations {
    state: Mutex<InvocationState>,
    arrived: Notify,
    asked: Notify,
}

#[derive(Debug, Default)]
struct InvocationState {
    count: usize,
    queue: VecDeque<(String, Invocation)>,
    open: HashMap<String, oneshot::Sender<Result<Outcome, String>>>,
    init_error: Option<Outcome>,
}

/// A running Runtime API for one function; it stops when it is dropped.
#[derive(Debug)]
pub struct Runtime {
    invocations: Arc<Invocations>,
    server: Server,
}

impl Runtime {
    /// Serves on the current tokio runtime.
    // It awaits nothing; being async makes sure that there is a runtime to spawn on.
    pub async fn start() -> Self {
        let invocations = Arc::new(Invocations::default());
        let server = Server::spawn(Arc::clone(&invocations), handle);
        Self { invocations, server }
    }

    /// Serves on a thread of its own, so that it can be called outside a runtime.
    pub fn start_in_thread() -> Self {
        let invocations = Arc::new(Invocations::default());
        let server = Server::spawn_thread(Arc::clone(&invocations), handle);
        Self { invocations, server }
    }

    /// `127.0.0.1:PORT`, the value for `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// Gives the event to the function and waits for the outcome.
    ///
    /// It is an error if there is no outcome: the wait limit has passed, the function could not start, or it posted
    /// something that is not JSON.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Outcome, String> {
        let limit = invocation.wait_limit;
        let (sender, outcome) = oneshot::channel();
        let id = {
            let mut state = self.invocations.lock();
            if let Some(error) = &state.init_error {
                return Err(could_not_start(error));
            }
            state.count += 1;
            let id = ids::uuid_from(&format!("invocation {}", state.count));
            state.open.insert(id.clone(), sender);
            state.queue.push_back((id.clone(), invocation));
            id
        };
        self.invocations.arrived.notify_one();
        match tokio::time::timeout(limit, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("the Runtime API has stopped".to_owned()),
            Err(_) => {
                let mut state = self.invocations.lock();
                state.open.remove(&id);
                state.queue.retain(|(queued, _)| *queued != id);
                Err(format!("no outcome within {} ms", limit.as_millis()))
            }
        }
    }

    /// Waits until the function asks for its next event.
    pub async fn asked(&self) {
        self.invocations.asked.notified().await;
    }

    /// The error that the function posted because it could not start.
    pub fn init_error(&self) -> Option<Outcome> {
        self.invocations.lock().init_error.clone()
    }
}

impl Invocations {
    fn lock(&self) -> MutexGuard<'_, InvocationState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is an event, and responds with it.
    async fn next(&self) -> HttpResponse {
        self.asked.notify_one();
        loop {
            let next = self.lock().queue.pop_front();
            if let Some((id, invocation)) = next {
                let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + invocation.timeout;
                let root = format!("{:08x}-{:024x}", deadline.as_secs(), ids::mix(&id, 0));
                return HttpResponse::new(200, "application/json", invocation.payload)
                    .header(REQUEST_ID, &id)
                    .header(DEADLINE_MS, &deadline.as_millis().to_string())
                    .header(FUNCTION_ARN, &invocation.function_arn)
                    .header(TRACE_ID, &format!("Root=1-{root};Sampled=0"));
            }
            self.arrived.notified().await;
        }
    }

    fn finish(&self, id: &str, outcome: Result<Outcome, String>) -> HttpResponse {
        match self.lock().open.remove(id) {
            Some(sender) => {
                // The caller may have stopped waiting at this moment.
                let _ = sender.send(outcome);
                accepted()
            }
            None => HttpResponse::new(
                400,
                "application/json",
                r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#,
            ),
        }
    }

    fn fail_init(&self, error: Outcome) -> HttpResponse {
        let mut state = self.lock();
        state.queue.clear();
        for (_, sender) in state.open.drain() {
            let _ = sender.send(Err(could_not_start(&error)));
        }
        state.init_error = Some(error);
        accepted()
    }
}

fn accepted() -> HttpResponse {
    HttpResponse::new(202, "application/json", r#"{"status":"OK"}"#)
}

fn could_not_start(error: &Outcome) -> String {
    format!("the function could not start: {error:?}")
}

async fn handle(invocations: Arc<Invocations>, request: Request<Incoming>) -> HttpResponse {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return HttpResponse::Close;
    };
    let body = body.to_bytes();
    let error_type = parts.headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
    let path = parts.uri.path().strip_prefix("/2018-06-01/runtime/");
    let segments: Vec<&str> = path.unwrap_or_default().split('/').collect();
    match (&parts.method, segments.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => invocations.next().await,
        (&Method::POST, ["invocation", id, "response"]) if body.len() > MAX_RESPONSE => {
            let _ = invocations.finish(id, Err("the response is larger than 6 MB".to_owned()));
            HttpResponse::new(
                413,
                "application/json",
                r#"{"errorMessage":"Exceeded maximum allowed payload size","errorType":"RequestEntityTooLarge"}"#,
            )
        }
        (&Method::POST, ["invocation", id, "response"]) => {
            let outcome = serde_json::from_slice(&body)
                .map(Outcome::Response)
                .map_err(|error| format!("the response is not JSON: {error}"));
            invocations.finish(id, outcome)
        }
        (&Method::POST, ["invocation", id, "error"]) => invocations.finish(id, Ok(Outcome::error(error_type, &body))),
        (&Method::POST, ["init", "error"]) => invocations.fail_init(Outcome::error(error_type, &body)),
        _ => HttpResponse::new(404, "text/plain", "404 page not found\n"),
    }
}
