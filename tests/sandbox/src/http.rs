//! HTTP/1.1 on the loopback: a listener that lives as long as its handle, and answers that may break off.

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

/// What to do with a connection that waits for an answer.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Answer.
    Answer(Response<Payload>),
    /// Close it.
    Close,
    /// Keep it waiting.
    Never,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(Payload::whole(body.into()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self::Answer(response)
    }

    pub(crate) fn xml(status: u16, body: String, request_id: String) -> Self {
        Self::new(status, "text/xml", body).header(REQUEST_ID, &request_id)
    }

    pub(crate) fn json(status: u16, body: String, request_id: &str) -> Self {
        Self::new(status, "application/x-amz-json-1.0", body).header(REQUEST_ID, request_id)
    }

    /// Promises the whole body and breaks off in its middle.
    pub(crate) fn half(status: u16, body: String, request_id: String, then: Break) -> Self {
        let promised = body.len().to_string();
        let mut half = Bytes::from(body);
        half.truncate(half.len() / 2);
        let mut reply = Self::xml(status, String::new(), request_id).header(CONTENT_LENGTH, &promised);
        if let Self::Answer(response) = &mut reply {
            *response.body_mut() = Payload { data: Some(half), breaks: Some(then), flushed: false };
        }
        reply
    }

    pub(crate) fn proxy_page() -> Self {
        Self::new(
            502,
            "text/html",
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
             <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n",
        )
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let (Self::Answer(response), Ok(value)) = (&mut self, HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
        self
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answer(response) => Some(response.status().as_u16()),
            Self::Close | Self::Never => None,
        }
    }

    /// Carries it out; an error makes hyper close the connection.
    async fn send(self) -> io::Result<Response<Payload>> {
        match self {
            Self::Answer(response) => Ok(response),
            Self::Close => Err(io::ErrorKind::ConnectionReset.into()),
            Self::Never => std::future::pending().await,
        }
    }
}

/// How a body breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// With the connection.
    Reset,
    /// By saying no more.
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
            // hyper flushes only when the body has it wait; otherwise the half would be lost with the connection.
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
    /// Connections that are open.
    pub(crate) open: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Serves on the current tokio runtime.
    pub(crate) fn spawn<S, F>(state: Arc<S>, handler: fn(Arc<S>, Request<Incoming>) -> F) -> Self
    where
        S: Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let (server, listener, stopped) = Self::bind();
        tokio::spawn(serve(listener, stopped, Arc::clone(&server.open), state, handler));
        server
    }

    /// Serves on a thread and a runtime of its own.
    pub(crate) fn spawn_thread<S, F>(state: Arc<S>, handler: fn(Arc<S>, Request<Incoming>) -> F) -> Self
    where
        S: Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
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

/// An open connection; dropping it takes it off the count.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one_more(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server has been printed by its thread.
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
    F: Future<Output = Reply> + Send + 'static,
{
    let listener =
        tokio::net::TcpListener::from_std(listener).expect("the listener can be registered with the runtime");
    // Dropping the set ends its connections, also those that would never be answered.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Small answers must not wait for an acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                let state = Arc::clone(&state);
                let counted = Counted::one_more(&open);
                connections.spawn(async move {
                    let _counted = counted;
                    let service = service_fn(move |request| {
                        let reply = handler(Arc::clone(&state), request);
                        async move { reply.await.send().await }
                    });
                    // A client that goes away, and a fault that closes the connection, both end here.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        }
    }
}
