//! The whole job beside the least that it can cost, in ratios.
//!
//! `cargo run --release --package job [-- <options>] [job] [wait] [memory] [sweep] [start]`
//!
//! Every work is a Lambda function in a process of its own and reads from a server in another, which
//! plays back recorded answers. The works take turns, so that a slow spell of the machine hits all of
//! them; the yardstick runs twice a round, and how its two runs differ is the machine's noise.
//!
//! - `--smoke`: a few pages and one round: does it still work? Says nothing about speed.
//! - `--rounds <n>`
//! - `--binary <path>`: another build of the function than the one that is made first, with the same profile.
//! - `--python <path>`: a Python with boto3, for the comparison with it.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark talks to a person, and ends at the first surprise"
)]

mod function;
mod http;
mod server;
mod table;
mod work;
mod workers;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use function::{Function, Taken};
use table::{Compared, Round};
use work::Job;

/// Stores of trusted certificates, as distributions have them; the SDK reads one when a function starts.
const SYSTEM_STORES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
const BOTO3_HANDLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/boto3_handler.py");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", targets, latency, ca_file] => {
            server::serve(targets.parse().unwrap(), Duration::from_millis(latency.parse().unwrap()), ca_file);
        }
        ["work", "paginator"] => workers::paginator(),
        ["work", "lister"] => workers::lister(),
        ["work", "smallest"] => workers::smallest(),
        ["work", "bare"] => workers::bare(),
        arguments => {
            let bench = Bench::new(arguments);
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(bench.run());
        }
    }
}

/// What does a job, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Ours,
    Paginator,
    Bare,
    Lister,
    Smallest,
    Boto3,
}

struct Bench {
    smoke: bool,
    rounds: usize,
    targets: usize,
    parts: Vec<String>,
    binary: PathBuf,
    python: Option<PathBuf>,
    server: Server,
}

/// The process with the AWS of the benchmark.
struct Server {
    process: Child,
    http: [String; 2],
    https: [String; 2],
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(targets: usize, latency: Duration) -> Self {
        let ca_file = ca_file();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["serve", &targets.to_string(), &latency.as_millis().to_string()])
            .arg(&ca_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let mut addresses = line.split_whitespace();
        let mut endpoint = |scheme| format!("{scheme}://{}", addresses.next().unwrap());
        let http = [endpoint("http"), endpoint("http")];
        let https = [endpoint("https"), endpoint("https")];
        // A store as large as a real one, for reading it is part of a start.
        let store = SYSTEM_STORES.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        std::fs::write(trust_store(), store + &std::fs::read_to_string(ca_file).unwrap()).unwrap();
        Self { process, http, https }
    }
}

impl Server {
    /// How many calls of CloudFormation and SNS it was asked so far.
    fn asked(&self) -> u64 {
        let mut client = http::Client::to(self.http[0].trim_start_matches("http://"));
        String::from_utf8_lossy(&client.ask("GET", "/asked", "", "").body).parse().unwrap()
    }
}

/// Builds the function apart from the yardsticks, so that it has no more in it than when it is deployed.
fn built() -> PathBuf {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let build = ["build", "--quiet", "--locked", "--package", "stackset-notifier", "--profile", profile];
    assert!(Command::new(cargo).args(build).status().unwrap().success(), "could not build the function");
    std::env::current_exe().unwrap().with_file_name("stackset-notifier")
}

/// Where the server writes its CA's certificate.
fn ca_file() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("bench-ca.pem")
}

fn trust_store() -> PathBuf {
    ca_file().with_file_name("bench-trust-store.pem")
}

impl Bench {
    fn new(arguments: &[&str]) -> Self {
        let value = |name: &str| {
            let at = arguments.iter().position(|argument| *argument == name)?;
            Some(*arguments.get(at + 1).unwrap_or_else(|| panic!("{name} needs a value")))
        };
        let smoke = arguments.contains(&"--smoke");
        let (rounds, targets, latency) = if smoke { (1, 800, 1) } else { (7, 100_000, 20) };
        let parts = ["job", "wait", "memory", "sweep", "start"].map(str::to_owned).to_vec();
        let asked: Vec<String> = parts.iter().filter(|part| arguments.contains(&part.as_str())).cloned().collect();
        Self {
            smoke,
            rounds: value("--rounds").map_or(rounds, |value| value.parse().unwrap()),
            targets,
            parts: if asked.is_empty() { parts } else { asked },
            binary: value("--binary").map_or_else(built, PathBuf::from),
            python: value("--python").map(PathBuf::from),
            server: Server::start(targets, Duration::from_millis(latency)),
        }
    }

    async fn run(&self) {
        table::head(self.rounds, self.smoke);
        table::binary(std::fs::metadata(&self.binary).unwrap().len());
        for part in &self.parts {
            match part.as_str() {
                "job" => self.job().await,
                "wait" => self.wait().await,
                "memory" => self.memory().await,
                "sweep" => self.sweep().await,
                _ => self.start().await,
            }
        }
        if self.python.is_none() {
            println!("\nboto3 left out: --python <path> names a Python that has it");
        }
    }

    /// The environment that Lambda gives, and an endpoint for each service.
    fn command(&self, work: Work, endpoints: &[String; 2]) -> Command {
        let own = |name: &str| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["work", name]);
            command
        };
        let mut command = match work {
            Work::Ours => Command::new(&self.binary),
            Work::Paginator => own("paginator"),
            Work::Bare => own("bare"),
            Work::Lister => own("lister"),
            Work::Smallest => own("smallest"),
            Work::Boto3 => {
                let mut command = Command::new(self.python.as_ref().unwrap());
                command.arg(BOTO3_HANDLER);
                command
            }
        };
        command
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_NAME", "benchmark")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_REGION", work::REGION)
            .env("AWS_DEFAULT_REGION", work::REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIDBENCH")
            .env("AWS_SECRET_ACCESS_KEY", "benchmark")
            .env("AWS_ENDPOINT_URL", &endpoints[0])
            .env("AWS_ENDPOINT_URL_SNS", &endpoints[1])
            // The SDK reads the machine's store; ours has its certificates built in, boto3 brings its own.
            .env("SSL_CERT_FILE", trust_store())
            .env("AWS_CA_BUNDLE", ca_file())
            .env("TOPIC_ARN", work::TOPIC)
            .env("SETTLE_TIMEOUT_SECONDS", "0");
        command
    }

    /// One job by a fresh process, its start included; checks that all was read.
    async fn whole(&self, work: Work, job: Job) -> Taken {
        let function = Function::start(&mut self.command(work, &self.server.http)).await;
        let (response, taken) = function.invoke(&job.event()).await;
        let done = match work {
            Work::Ours => &response["operations"][0]["counts"]["total"],
            _ => &response,
        };
        let wanted = if work == Work::Bare { job.pages(self.targets) } else { job.rows(self.targets) };
        assert_eq!(done.as_u64(), Some(wanted as u64), "{work:?} of {job:?}: {response}");
        taken
    }

    /// Our work between two of the yardstick's.
    async fn compare(&self, job: Job, yardstick: Work, rounds: usize) -> Compared {
        let mut compared = Compared::default();
        for _ in 0..rounds {
            let before = self.whole(yardstick, job).await;
            let ours = self.whole(Work::Ours, job).await;
            let after = self.whole(yardstick, job).await;
            compared.rounds.push(Round { before, ours, after });
        }
        compared
    }

    async fn job(&self) {
        let mixed = self.compare(Job::Mixed, Work::Paginator, self.rounds).await;
        mixed.print("whole job, 90 % succeeded, 6 % failed, 4 % cancelled", "SDK's paginator", "1.0");
        let failed = self.compare(Job::AllFailed, Work::Paginator, self.rounds).await;
        failed.print("whole job, all failed", "SDK's paginator", "1.6");
        if self.python.is_some() {
            let boto3 = self.compare(Job::Mixed, Work::Boto3, self.rounds.min(3)).await;
            boto3.print("whole job, 90 % succeeded, 6 % failed, 4 % cancelled", "boto3 handler", "0.125");
            boto3.print_peak("peak memory of that job", "boto3 handler", "0.2");
        }
    }

    async fn wait(&self) {
        let bare = self.compare(Job::Slow, Work::Bare, self.rounds.min(3)).await;
        bare.print_wall("whole job, 20 ms wait a page", "bare socket", "1.03");
    }

    async fn memory(&self) {
        for (job, name, target) in [
            (Job::OnePercent, "1 % failed", "6 MB"),
            (Job::AllFailed, "all failed", "40 MB"),
            (Job::Mixed, "6 % failed", "-"),
        ] {
            let mut grown = Vec::new();
            for _ in 0..self.rounds.min(3) {
                let function = Function::start(&mut self.command(Work::Ours, &self.server.http)).await;
                let (_, idle) = function.invoke(&Job::OnePage.event()).await;
                let (_, done) = function.invoke(&job.event()).await;
                grown.push((done.peak - idle.peak, idle.peak));
            }
            table::memory(name, &mut grown, target);
        }
    }

    /// A sweep, beside the same calls with nothing made of their answers.
    async fn sweep(&self) {
        let (sets, due) = (work::swept_sets(self.targets), work::due(self.targets));
        let operations = sets * work::OPERATIONS_OF_A_SET;
        let mut compared = Compared::default();
        let mut asked = Vec::new();
        for _ in 0..self.rounds.min(5) {
            let mut taken = Vec::new();
            for work in [Work::Lister, Work::Ours, Work::Lister] {
                let before = self.server.asked();
                let mut command = self.command(work, &self.server.http);
                let function = Function::start(command.env("LEDGER_TABLE", "ledger")).await;
                let (response, took) = function.invoke(&work::scheduled()).await;
                taken.push(took);
                asked.push((work, self.server.asked() - before));
                let done = if work == Work::Ours { &response["sweep"]["operations"] } else { &response };
                assert_eq!(done.as_u64(), Some(operations as u64), "{work:?}: {response}");
                if work == Work::Ours {
                    assert_eq!(response["sweep"]["published"].as_u64(), Some(due as u64), "{response}");
                }
            }
            compared.rounds.push(Round { before: taken[0], ours: taken[1], after: taken[2] });
        }
        let most = |of_ours: bool| {
            asked.iter().filter(|(work, _)| (*work == Work::Ours) == of_ours).map(|(_, asked)| *asked).max().unwrap()
        };
        let (ours, theirs) = (most(true), most(false));
        let what = format!("sweep of {sets} stack sets with {operations} operations, {due} of them due");
        compared.print(&what, "the SDK's same calls", "-");
        compared.print_peak("peak memory of that sweep", "the SDK's same calls", "-");
        table::number(
            &format!("requests of that sweep, {ours}"),
            &format!("the least, {theirs}"),
            ours as f64 / theirs as f64,
            "1",
        );
    }

    /// From the start of the process to its question for an event, and to its first response.
    async fn start(&self) {
        for (scheme, endpoints) in [("HTTP", &self.server.http), ("HTTPS", &self.server.https)] {
            let (mut ready, mut response, mut one_page) =
                (Compared::default(), Compared::default(), Compared::default());
            for _ in 0..self.rounds * 3 {
                let mut both = Vec::new();
                for work in [Work::Smallest, Work::Paginator, Work::Ours, Work::Paginator, Work::Smallest] {
                    let function = Function::start(&mut self.command(work, endpoints)).await;
                    let ready = function.ready().await;
                    let (_, first) = function.invoke(&Job::OnePage.event()).await;
                    both.push((ready, first));
                }
                ready.rounds.push(Round { before: both[0].0, ours: both[2].0, after: both[4].0 });
                response.rounds.push(Round { before: both[0].1, ours: both[2].1, after: both[4].1 });
                one_page.rounds.push(Round { before: both[1].1, ours: both[2].1, after: both[3].1 });
            }
            ready.print(&format!("start to ready for an event, {scheme}"), "smallest function", "1.5");
            response.print(&format!("start to first response, {scheme}"), "smallest function", "1.6");
            one_page.print(&format!("start to first response, {scheme}"), "SDK's paginator and one publish", "-");
        }
    }
}
