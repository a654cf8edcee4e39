//! A function in a process of its own, and what it takes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Invocation, Outcome, Runtime};
use serde_json::Value;

/// A running function; its process ends with it.
pub(crate) struct Function {
    process: Child,
    runtime: Runtime,
    started: Instant,
}

/// What was taken from the start of the process on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    /// Time on a CPU, of all its threads that still run.
    pub(crate) cpu: Duration,
    /// Largest resident memory, in bytes.
    pub(crate) peak: u64,
}

impl Function {
    /// Starts `command` with the Runtime API's address; `payload`, if any, waits for it already.
    pub(crate) async fn start(command: &mut Command) -> Self {
        let runtime = Runtime::start_in_thread();
        let started = Instant::now();
        let process = command
            .env("AWS_LAMBDA_RUNTIME_API", runtime.address())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("could not start {command:?}: {error}"));
        Self { process, runtime, started }
    }

    /// Waits until it asks for an event.
    pub(crate) async fn ready(&self) -> Taken {
        self.runtime.asked().await;
        self.taken()
    }

    /// Hands it an event, and gives its answer.
    pub(crate) async fn invoke(&self, event: &Value) -> (Value, Taken) {
        let minutes = Duration::from_secs(600);
        let outcome = self.runtime.invoke(Invocation::new(event).timeout(minutes).wait_limit(minutes)).await.unwrap();
        let taken = self.taken();
        match outcome {
            Outcome::Response(response) => (response, taken),
            failed => panic!("the function failed: {failed:?}"),
        }
    }

    fn taken(&self) -> Taken {
        let wall = self.started.elapsed();
        let folder = format!("/proc/{}", self.process.id());
        let on_cpu = |thread: fs::DirEntry| {
            let stat = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
        };
        let cpu = fs::read_dir(format!("{folder}/task")).unwrap().flatten().map(on_cpu).sum();
        let status = fs::read_to_string(format!("{folder}/status")).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        Taken { wall, cpu: Duration::from_nanos(cpu), peak: peak * 1024 }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
