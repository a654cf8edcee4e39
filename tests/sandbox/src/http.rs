//! HTTP/1.1 on the loopback: a listener that lives as long as its handle, and responses that may break off.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    thread,
};

use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Frame, Incoming},
    http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{sync::oneshot, task::JoinSet};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What to do with a connection that waits for a response.
#[derive(Debug)]
pub(crate) enum HttpResponse {
    /// Send this response.
    Send(Response<Payload>),
    /// Close the connection.
    Close,
    /// Send nothing and keep the connection open.
    Hang,
}

impl HttpResponse {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(Payload::whole(body.into()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self::Send(response)
    }

    /// Promises the whole body and breaks off in its middle.
    pub(crate) fn half(status: u16, content_type: &'static str, body: String, then: Break) -> Self {
        let promised = body.len().to_string();
        let mut data = Bytes::from(body);
        data.truncate(data.len() / 2);
        let mut half = Self::new(status, content_type, Bytes::new()).header(CONTENT_LENGTH, &promised);
        if let Self::Send(response) = &mut half {
            *response.body_mut() = Payload { data: Some(data), breaks: Some(then), flushed: false };
        }
        half
    }

    pub(crate) fn proxy_page() -> Self {
        Self::new(
            502,
            "text/html",
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
             <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n",
        )
    }

    pub(crate) fn request_id(self, id: &str) -> Self {
        self.header(REQUEST_ID, id)
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let (Self::Send(response), Ok(value)) = (&mut self, HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
        self
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Send(response) => Some(response.status().as_u16()),
            Self::Close | Self::Hang => None,
        }
    }

    /// Gives hyper the response; an error makes hyper close the connection.
    async fn into_result(self) -> io::Result<Response<Payload>> {
        match self {
            Self::Send(response) => Ok(response),
            Self::Close => Err(io::ErrorKind::ConnectionReset.into()),
            Self::Hang => std::future::pending().await,
        }
    }
}

/// How a body breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// The connection is closed.
    Reset,
    /// Nothing more is sent.
    Silence,
}

/// A body in one piece, which may break off after it.
#[derive(Debug)]
pub(crate) struct Payload {
    data: Option<Bytes>,
    breaks: Option<Break>,
    flushed: bool,
}

impl Payload {
    fn whole(data: Bytes) -> Self {
        Self { data: Some(data).filter(|data| !data.is_empty()), breaks: None, flushed: false }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some(then) = self.breaks else {
            return Poll::Ready(None);
        };
        if !self.flushed {
            // hyper flushes only while it waits for the body; without this the first half would be lost.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if then == Break::Silence {
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.breaks.is_none()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        if self.breaks.is_some() {
            return hyper::body::SizeHint::default();
        }
        hyper::body::SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

/// Keeps a server running; dropping it closes the listener and all connections.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// How many connections are open.
    pub(crate) open: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Serves on the current tokio runtime.
    pub(crate) fn spawn<S, F>(state: Arc<S>, handler: fn(Arc<S>, Request<Incoming>) -> F) -> Self
    where
        S: Send + Sync + 'static,
        F: Future<Output = HttpResponse> + Send + 'static,
    {
        let (server, listener, stopped) = Self::bind();
        tokio::spawn(serve(listener, stopped, Arc::clone(&server.open), state, handler));
        server
    }

    /// Serves on a thread and a runtime of its own.
    pub(crate) fn spawn_thread<S, F>(state: Arc<S>, handler: fn(Arc<S>, Request<Incoming>) -> F) -> Self
    where
        S: Send + Sync + 'static,
        F: Future<Output = HttpResponse> + Send + 'static,
    {
        let (mut server, listener, stopped) = Self::bind();
        let open = Arc::clone(&server.open);
        server.thread = Some(thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be built")
                .block_on(serve(listener, stopped, open, state, handler));
        }));
        server
    }

    fn bind() -> (Self, std::net::TcpListener, oneshot::Receiver<()>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel();
        let server = Self { address, open: Arc::default(), stop: Some(stop), thread: None };
        (server, listener, stopped)
    }
}

/// Counts an open connection until it is dropped.
struct OpenConnection(Arc<AtomicUsize>);

impl OpenConnection {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If the server panicked, its thread has printed that already.
            let _ = thread.join();
        }
    }
}

async fn serve<S, F>(
    listener: std::net::TcpListener,
    mut stopped: oneshot::Receiver<()>,
    open: Arc<AtomicUsize>,
    state: Arc<S>,
    handler: fn(Arc<S>, Request<Incoming>) -> F,
) where
    S: Send + Sync + 'static,
    F: Future<Output = HttpResponse> + Send + 'static,
{
    let listener =
        tokio::net::TcpListener::from_std(listener).expect("the listener can be registered with the runtime");
    // Dropping the set ends its connections, also those that hang.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Without this, small responses wait for the acknowledgment of the previous one.
                let _ = stream.set_nodelay(true);
                let state = Arc::clone(&state);
                let connection = OpenConnection::new(&open);
                connections.spawn(async move {
                    let _connection = connection;
                    let service = service_fn(move |request| {
                        let response = handler(Arc::clone(&state), request);
                        async move { response.await.into_result().await }
                    });
                    // The error of a client that goes away, or of a fault that closes the connection, is of no use.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        }
    }
}
