//! The running server, as a test uses it.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
};

use http_body_util::BodyExt;
use hyper::{body::Incoming, http::Method};

use crate::{
    call::Call,
    faults::Fired,
    http::{HttpResponse, Server},
    scenario::Scenario,
    sns::Published,
    state::{Request, State},
    subscriptions::Delivery,
};

/// A running loopback AWS; it stops when it is dropped.
#[derive(Debug)]
pub struct Aws {
    state: Arc<Mutex<State>>,
    server: Server,
}

impl Aws {
    /// Serves the scenario on the current tokio runtime.
    // It awaits nothing; being async makes sure that there is a runtime to spawn on.
    pub async fn start(scenario: Scenario) -> Self {
        let state = Arc::new(Mutex::new(State::new(scenario)));
        let server = Server::spawn(Arc::clone(&state), handle);
        Self { state, server }
    }

    /// Serves the scenario on a thread of its own, so that it can be called outside a runtime.
    pub fn start_in_thread(scenario: Scenario) -> Self {
        let state = Arc::new(Mutex::new(State::new(scenario)));
        let server = Server::spawn_thread(Arc::clone(&state), handle);
        Self { state, server }
    }

    /// The endpoint, for all services.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Reads or changes the scenario between calls.
    ///
    /// Page tokens, requests and counters stay.
    pub fn with<R>(&self, change: impl FnOnce(&mut Scenario) -> R) -> R {
        let mut state = self.state();
        state.rendered.clear();
        change(&mut state.scenario)
    }

    /// All requests so far, in their order.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// The requests of one action.
    pub fn requests_of(&self, action: &str) -> Vec<Request> {
        self.state().requests.iter().filter(|request| request.action == action).cloned().collect()
    }

    /// All accepted messages.
    pub fn published(&self) -> Vec<Published> {
        self.state().published.clone()
    }

    /// What the subscribers of this protocol got, in the order of the messages.
    pub fn delivered(&self, protocol: &str) -> Vec<Delivery> {
        self.state().deliveries.iter().filter(|delivery| delivery.protocol == protocol).cloned().collect()
    }

    /// All faults that have happened.
    pub fn faults_fired(&self) -> Vec<Fired> {
        self.state().fired.clone()
    }

    /// How many connections are open now.
    pub fn connections(&self) -> usize {
        self.server.open.load(Relaxed)
    }

    /// The largest number of requests that were in flight at the same time.
    pub fn most_at_once(&self) -> usize {
        self.state().most_at_once
    }

    /// Forgets requests, messages and fired faults, for example between two rounds of a benchmark.
    pub fn forget(&self) {
        let mut state = self.state();
        state.requests.clear();
        state.published.clear();
        state.deliveries.clear();
        state.fired.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Counts a request in flight until it is dropped, which also happens when its client goes away.
struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A test that panicked inside `with` has failed already; other threads may go on.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn handle(state: Arc<Mutex<State>>, request: hyper::Request<Incoming>) -> HttpResponse {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST || parts.uri.path() != "/" {
        return HttpResponse::new(404, "text/plain", "The Query protocol is POST /\n");
    }
    let Ok(body) = body.collect().await else {
        return HttpResponse::Close;
    };
    let call = Call::new(&parts.headers, &body.to_bytes());
    let (delay, response, _in_flight) = {
        let mut state = lock(&state);
        let in_flight = InFlight(Arc::clone(&state.in_flight));
        state.most_at_once = state.most_at_once.max(state.in_flight.fetch_add(1, SeqCst) + 1);
        let (delay, response) = state.handle(call);
        (delay, response, in_flight)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    response
}
