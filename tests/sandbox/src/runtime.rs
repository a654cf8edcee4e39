//! The Lambda Runtime API: what the other side of a function does.

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
    http::{Reply, Server},
    ids,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE_MS: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const MAX_RESPONSE: usize = 6 * 1024 * 1024;

/// One call of the function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The event, as bytes: it need not be JSON.
    pub payload: Bytes,
    /// The function's ARN, as invoked.
    pub function_arn: String,
    /// The function's time-out; the deadline counts from the moment the function takes the event.
    pub timeout: Duration,
    /// How long [`Runtime::invoke`] waits, start of the function included.
    pub patience: Duration,
}

impl Invocation {
    /// A call with a JSON event and a time-out of 60 seconds.
    pub fn new(payload: &Value) -> Self {
        Self::raw(payload.to_string())
    }

    /// A call with any bytes.
    pub fn raw(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            function_arn: crate::demo::FUNCTION_ARN.to_owned(),
            timeout: Duration::from_secs(60),
            patience: Duration::from_secs(90),
        }
    }

    /// Sets the ARN.
    #[must_use]
    pub fn function_arn(mut self, arn: &str) -> Self {
        self.function_arn = arn.to_owned();
        self
    }

    /// Sets the function's time-out.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long to wait for the outcome.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
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
        /// The whole document that was posted.
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
struct Desk {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    asked: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    count: usize,
    queue: VecDeque<(String, Invocation)>,
    open: HashMap<String, oneshot::Sender<Result<Outcome, String>>>,
    init_error: Option<Outcome>,
}

/// A running Runtime API for one function; it stops when it is dropped.
#[derive(Debug)]
pub struct Runtime {
    desk: Arc<Desk>,
    server: Server,
}

impl Runtime {
    /// Serves on the current tokio runtime.
    // It awaits nothing, but spawning needs a runtime, which `async` makes sure of.
    pub async fn start() -> Self {
        let desk = Arc::new(Desk::default());
        let server = Server::spawn(Arc::clone(&desk), handle);
        Self { desk, server }
    }

    /// Serves on a thread of its own, from wherever it is called.
    pub fn start_in_thread() -> Self {
        let desk = Arc::new(Desk::default());
        let server = Server::spawn_thread(Arc::clone(&desk), handle);
        Self { desk, server }
    }

    /// `127.0.0.1:PORT`, the value for `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// Hands the event to the function and waits for what becomes of it.
    ///
    /// The error says that there was no outcome: patience ran out, the function could not start, or it posted
    /// something that is not JSON.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Outcome, String> {
        let patience = invocation.patience;
        let (sender, outcome) = oneshot::channel();
        let id = {
            let mut waiting = self.desk.lock();
            if let Some(error) = &waiting.init_error {
                return Err(could_not_start(error));
            }
            waiting.count += 1;
            let id = ids::uuid_from(&format!("invocation {}", waiting.count));
            waiting.open.insert(id.clone(), sender);
            waiting.queue.push_back((id.clone(), invocation));
            id
        };
        self.desk.arrived.notify_one();
        match tokio::time::timeout(patience, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("the Runtime API has stopped".to_owned()),
            Err(_) => {
                let mut waiting = self.desk.lock();
                waiting.open.remove(&id);
                waiting.queue.retain(|(queued, _)| *queued != id);
                Err(format!("no outcome within {} ms", patience.as_millis()))
            }
        }
    }

    /// Waits until the function asks for an event that it has not asked for before.
    pub async fn asked(&self) {
        self.desk.asked.notified().await;
    }

    /// What the function posted about a failed start.
    pub fn init_error(&self) -> Option<Outcome> {
        self.desk.lock().init_error.clone()
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The long poll: there is no answer until there is an event.
    async fn next(&self) -> Reply {
        self.asked.notify_one();
        loop {
            let next = self.lock().queue.pop_front();
            if let Some((id, invocation)) = next {
                let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + invocation.timeout;
                let root = format!("{:08x}-{:024x}", deadline.as_secs(), ids::mix(&id, 0));
                return Reply::new(200, "application/json", invocation.payload)
                    .header(REQUEST_ID, &id)
                    .header(DEADLINE_MS, &deadline.as_millis().to_string())
                    .header(FUNCTION_ARN, &invocation.function_arn)
                    .header(TRACE_ID, &format!("Root=1-{root};Sampled=0"));
            }
            self.arrived.notified().await;
        }
    }

    fn finish(&self, id: &str, outcome: Result<Outcome, String>) -> Reply {
        match self.lock().open.remove(id) {
            Some(sender) => {
                // Whoever asked may have given up in this very moment.
                let _ = sender.send(outcome);
                accepted()
            }
            None => Reply::new(
                400,
                "application/json",
                r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#,
            ),
        }
    }

    fn fail_init(&self, error: Outcome) -> Reply {
        let mut waiting = self.lock();
        waiting.queue.clear();
        for (_, sender) in waiting.open.drain() {
            let _ = sender.send(Err(could_not_start(&error)));
        }
        waiting.init_error = Some(error);
        accepted()
    }
}

fn accepted() -> Reply {
    Reply::new(202, "application/json", r#"{"status":"OK"}"#)
}

fn could_not_start(error: &Outcome) -> String {
    format!("the function could not start: {error:?}")
}

async fn handle(desk: Arc<Desk>, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Reply::Close;
    };
    let body = body.to_bytes();
    let error_type = parts.headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
    let path = parts.uri.path().strip_prefix("/2018-06-01/runtime/");
    let segments: Vec<&str> = path.unwrap_or_default().split('/').collect();
    match (&parts.method, segments.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => desk.next().await,
        (&Method::POST, ["invocation", id, "response"]) if body.len() > MAX_RESPONSE => {
            let _ = desk.finish(id, Err("the response is larger than 6 MB".to_owned()));
            Reply::new(
                413,
                "application/json",
                r#"{"errorMessage":"Exceeded maximum allowed payload size","errorType":"RequestEntityTooLarge"}"#,
            )
        }
        (&Method::POST, ["invocation", id, "response"]) => {
            let outcome = serde_json::from_slice(&body)
                .map(Outcome::Response)
                .map_err(|error| format!("the response is not JSON: {error}"));
            desk.finish(id, outcome)
        }
        (&Method::POST, ["invocation", id, "error"]) => desk.finish(id, Ok(Outcome::error(error_type, &body))),
        (&Method::POST, ["init", "error"]) => desk.fail_init(Outcome::error(error_type, &body)),
        _ => Reply::new(404, "text/plain", "404 page not found\n"),
    }
}
