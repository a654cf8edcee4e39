//! HTTP/1.1 for the AWS clients, with TLS by rustls and ring.
//!
//! The SDK's own client also brings HTTP/2, which one call after the other has no use for, and reads the
//! machine's trust store each time a process starts: a tenth of the binary, and a third of the work from
//! the start to the first answer.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector as Tcp, capture_connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;

/// Longest wait for a TCP connection: the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);
/// A connection that was idle for longer is not used again: while a function sleeps nobody sees the
/// other side hang up, and a message sent into that silence may have to be sent twice.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// A page of results is about 45 KB; a buffer that grows by itself becomes several times as large.
const READ_BUFFER: usize = 64 * 1024;

/// Connections that all AWS clients of a process share.
#[derive(Debug)]
pub(super) struct Http(SharedHttpConnector);

impl Http {
    /// Trusts Mozilla's certificate authorities, or only those in the file `ca_bundle`.
    ///
    /// # Errors
    /// [`Error::Config`] if the file cannot be read or has no certificate that can be used.
    pub(super) fn new(ca_bundle: Option<&Path>) -> Result<Self, Error> {
        let roots = match ca_bundle {
            Some(file) => bundle(file).map_err(|cause| {
                Error::Config(format!(
                    "could not read the certificates in {}, by AWS_CA_BUNDLE: {cause}",
                    file.display()
                ))
            })?,
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Config(format!("could not set up TLS: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // Plain HTTP is what a loopback AWS speaks.
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_read_buf_exact_size(READ_BUFFER)
            .build(connector.wrap_connector(tcp));
        Ok(Self(SharedHttpConnector::new(Connections(client))))
    }
}

fn bundle(file: &Path) -> Result<RootCertStore, Box<dyn StdError>> {
    let certificates = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
    let mut roots = RootCertStore::empty();
    // A distribution's store may hold an oddity, which is no reason to trust none of the others.
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err("there is none that can be used".into());
    }
    Ok(roots)
}

impl HttpClient for Http {
    fn http_connector(&self, _settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

#[derive(Debug)]
struct Connections(Client<HttpsConnector<Tcp>, SdkBody>);

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let taken = capture_connection(&mut request);
        if let Some(asked) = request.extensions().get::<CaptureSmithyConnection>() {
            asked.set_connection_retriever(move || Some(connection(taken.clone())));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(failure)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What lets the SDK give up the connection that a failed attempt was made on.
fn connection(taken: CaptureConnection) -> ConnectionMetadata {
    let give_up = move || {
        if let Some(connected) = taken.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(give_up).build()
}

/// All that can happen to a connection is worth another attempt, but for a certificate that is refused.
fn failure(error: ClientError) -> ConnectorError {
    let refused =
        |error: &(dyn StdError + 'static)| matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)));
    if sources(&error).any(refused) {
        ConnectorError::other(error.into(), None)
    } else {
        ConnectorError::io(error.into())
    }
}

/// An error and all that is behind it, also what an I/O error only carries.
fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        carried.map(|carried| carried as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}
