//! The built function as a process under the loopback Runtime API.

use std::process::{Child, Command, Stdio};

use sandbox::{Aws, Runtime};

/// The function's process; it ends with the test.
pub(crate) struct Function(pub(crate) Child);

impl Function {
    /// Ends it as a crash does: nothing of it runs any more.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The environment that Lambda gives, and nothing of ours.
pub(crate) fn command(runtime: &Runtime, aws: &Aws) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stackset-notifier"));
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", runtime.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", "stackset-notifier")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/stackset-notifier")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIDTEST")
        .env("AWS_SECRET_ACCESS_KEY", "do-not-log-this")
        .env("AWS_SESSION_TOKEN", "nor-this")
        .env("AWS_ENDPOINT_URL", aws.url())
        .stdin(Stdio::null());
    command
}
