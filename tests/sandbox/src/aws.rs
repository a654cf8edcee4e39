//! The loopback AWS as a test holds it.

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
    faults::Fired,
    http::{Reply, Server},
    query::Call,
    scenario::Scenario,
    sns::Published,
    world::{Request, World},
};

/// A running loopback AWS; it stops when it is dropped.
#[derive(Debug)]
pub struct Aws {
    world: Arc<Mutex<World>>,
    server: Server,
}

impl Aws {
    /// Serves the scenario on the current tokio runtime.
    // It awaits nothing, but spawning needs a runtime, which `async` makes sure of.
    pub async fn start(scenario: Scenario) -> Self {
        let world = Arc::new(Mutex::new(World::new(scenario)));
        let server = Server::spawn(Arc::clone(&world), handle);
        Self { world, server }
    }

    /// Serves the scenario on a thread of its own, from wherever it is called.
    pub fn start_in_thread(scenario: Scenario) -> Self {
        let world = Arc::new(Mutex::new(World::new(scenario)));
        let server = Server::spawn_thread(Arc::clone(&world), handle);
        Self { world, server }
    }

    /// The endpoint, for all services.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Reads or changes the scenario between calls.
    ///
    /// Tokens handed out, requests and counters stay; rendered pages are forgotten.
    pub fn with<R>(&self, change: impl FnOnce(&mut Scenario) -> R) -> R {
        let mut world = self.world();
        world.rendered.clear();
        change(&mut world.scenario)
    }

    /// All requests so far, in their order.
    pub fn requests(&self) -> Vec<Request> {
        self.world().requests.clone()
    }

    /// The requests of one action.
    pub fn requests_of(&self, action: &str) -> Vec<Request> {
        self.world().requests.iter().filter(|request| request.action == action).cloned().collect()
    }

    /// All accepted messages.
    pub fn published(&self) -> Vec<Published> {
        self.world().published.clone()
    }

    /// All faults that have happened.
    pub fn faults_fired(&self) -> Vec<Fired> {
        self.world().fired.clone()
    }

    /// How many connections are open now.
    pub fn connections(&self) -> usize {
        self.server.open.load(Relaxed)
    }

    /// The most requests that were under way at one time.
    pub fn most_at_once(&self) -> usize {
        self.world().most_at_once
    }

    /// Forgets requests, messages and fired faults, as between two rounds of a benchmark.
    pub fn forget(&self) {
        let mut world = self.world();
        world.requests.clear();
        world.published.clear();
        world.fired.clear();
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}

/// A request under way; it ends also when its client goes away.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A test that panicked inside `with` has failed already; the others may go on.
fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn handle(world: Arc<Mutex<World>>, request: hyper::Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST || parts.uri.path() != "/" {
        return Reply::new(404, "text/plain", "The Query protocol is POST /\n");
    }
    let Ok(body) = body.collect().await else {
        return Reply::Close;
    };
    let call = Call::new(&parts.headers, &body.to_bytes());
    let (delay, reply, _under_way) = {
        let mut world = lock(&world);
        let under_way = UnderWay(Arc::clone(&world.under_way));
        world.most_at_once = world.most_at_once.max(world.under_way.fetch_add(1, SeqCst) + 1);
        let (delay, reply) = world.answer(call);
        (delay, reply, under_way)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    reply
}
