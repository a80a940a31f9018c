//! A service whose answers are as long, late or broken as a test wants, and a client of it. Messages are `google.protobuf.StringValue`.

use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tickloom_chassis::rpc::{Caller, MESSAGE_BYTES_MAX, Rpc};
use tickloom_chassis::{
    Context as ServiceContext, Database, Health, Migrations, NewEvent, Problem, ProblemCode,
    Service, append, head,
};
use tickloom_types::Ts;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::{BoxFuture, Bytes, StdError, http};
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use utoipa_axum::router::OpenApiRouter;

/// What a test sees and changes of it.
#[derive(Debug)]
pub(crate) struct Gates {
    gate: Semaphore,
    waiting: AtomicUsize,
    began: AtomicUsize,
    has_trouble: AtomicBool,
}

impl Default for Gates {
    fn default() -> Gates {
        Gates {
            gate: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
            began: AtomicUsize::new(0),
            has_trouble: AtomicBool::new(false),
        }
    }
}

impl Gates {
    pub(crate) fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn began(&self) -> usize {
        self.began.load(Ordering::Acquire)
    }

    pub(crate) fn trouble(&self, has_trouble: bool) {
        self.has_trouble.store(has_trouble, Ordering::Release);
    }

    pub(crate) async fn until_waiting(&self, count: usize) {
        while self.waiting.load(Ordering::Acquire) < count {
            tokio::task::yield_now().await;
        }
    }
}

/// The service.
pub(crate) struct Probe {
    database: Database,
    gates: Arc<Gates>,
}

impl Service for Probe {
    const NAME: &'static str = "probe";
    const MIGRATIONS: Migrations = &[];
    const STATEMENTS: &'static [&'static [&'static str]] = &[];
    type Config = Arc<Gates>;

    async fn new(
        context: ServiceContext,
        gates: Arc<Gates>,
    ) -> tickloom_chassis::Result<Arc<Probe>> {
        Ok(Arc::new(Probe {
            database: context.database,
            gates,
        }))
    }

    fn rest(self: &Arc<Probe>) -> OpenApiRouter {
        OpenApiRouter::new()
    }

    fn rpc(self: &Arc<Probe>) -> Rpc {
        Rpc::default().with(ProbeServer(Arc::clone(self)))
    }

    fn health(&self) -> Health {
        let has_trouble = self.gates.has_trouble.load(Ordering::Acquire);
        let troubles = has_trouble.then(|| "it has been told so".to_owned());
        Health {
            troubles: troubles.into_iter().collect(),
            facts: Vec::new(),
        }
    }
}

/// A service that offers nothing over gRPC, and is always well.
pub(crate) struct Quiet;

impl Service for Quiet {
    const NAME: &'static str = "quiet";
    const MIGRATIONS: Migrations = &[];
    const STATEMENTS: &'static [&'static [&'static str]] = &[];
    type Config = ();

    async fn new(_: ServiceContext, (): ()) -> tickloom_chassis::Result<Arc<Quiet>> {
        Ok(Arc::new(Quiet))
    }

    fn rest(self: &Arc<Quiet>) -> OpenApiRouter {
        OpenApiRouter::new()
    }
}

pub(crate) fn event() -> NewEvent {
    NewEvent {
        aggregate: format!("note/{}", uuid()),
        version: 1,
        kind: "note_written",
        v: 1,
        at: Ts(1),
        actor: "user/me".to_owned(),
        request: "req_1".to_owned(),
        body: "{}".to_owned(),
    }
}

fn uuid() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Probe {
    async fn answer(&self, method: &str, request: Request<String>) -> Result<String, Status> {
        match method {
            "Echo" => {
                let caller = Caller::of(&request).map(|caller| caller.id().to_string());
                let caller = caller.unwrap_or_else(|| "nobody".to_owned());
                let id = request.metadata().get("x-request-id").unwrap();
                let id = id.to_str().unwrap().to_owned();
                Ok(format!("{} of {caller} as {id}", request.into_inner()))
            }
            "Length" => Ok(request.into_inner().len().to_string()),
            "Missing" => Err(Problem::new(ProblemCode::NotFound, "there is no `x`").into()),
            "Panic" => panic!("a secret of the code"),
            "Wait" => {
                self.gates.waiting.fetch_add(1, Ordering::AcqRel);
                drop(self.gates.gate.acquire().await);
                Ok(request.into_inner())
            }
            "Write" | "WriteAndWait" => {
                let mut write = self.database.write().await?;
                append(&mut write, &event()).await?;
                if method == "WriteAndWait" {
                    self.gates.began.fetch_add(1, Ordering::AcqRel);
                    drop(self.gates.gate.acquire().await);
                }
                write.commit().await?;
                Ok(head(&self.database).await?.to_string())
            }
            _ => Err(Status::unimplemented("")),
        }
    }
}

/// Its operations over gRPC.
#[derive(Clone)]
struct ProbeServer(Arc<Probe>);

impl NamedService for ProbeServer {
    const NAME: &'static str = "probe.v1.Probe";
}

impl tonic::codegen::Service<http::Request<Body>> for ProbeServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let method = path.rsplit('/').next().unwrap_or_default().to_owned();
        let one = One {
            probe: Arc::clone(&self.0),
            method,
        };
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default())
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX);
            Ok(match one.method.as_str() {
                "PanicLater" | "StreamAndWait" => grpc.server_streaming(one, request).await,
                _ => grpc.unary(one, request).await,
            })
        })
    }
}

/// One operation.
struct One {
    probe: Arc<Probe>,
    method: String,
}

impl tonic::server::UnaryService<String> for One {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let (probe, method) = (Arc::clone(&self.probe), self.method.clone());
        Box::pin(async move { Ok(Response::new(probe.answer(&method, request).await?)) })
    }
}

/// Items until it panics or waits.
struct Items {
    items: ReceiverStream<String>,
    panics: bool,
    _sender: mpsc::Sender<String>,
}

impl tonic::codegen::tokio_stream::Stream for Items {
    type Item = Result<String, Status>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        let polled = std::pin::Pin::new(&mut self.items).poll_next(context);
        assert!(
            !(polled.is_pending() && self.panics),
            "a secret of the code"
        );
        polled.map(|item| item.map(Ok))
    }
}

impl tonic::server::ServerStreamingService<String> for One {
    type Response = String;
    type ResponseStream = Items;
    type Future = BoxFuture<Response<Items>, Status>;

    fn call(&mut self, _: Request<String>) -> Self::Future {
        let panics = self.method == "PanicLater";
        Box::pin(async move {
            let (sender, items) = mpsc::channel(1);
            sender.send("first".to_owned()).await.unwrap();
            Ok(Response::new(Items {
                items: ReceiverStream::new(items),
                panics,
                _sender: sender,
            }))
        })
    }
}

/// A client of it.
#[derive(Clone)]
pub(crate) struct ProbeClient<T> {
    grpc: tonic::client::Grpc<T>,
}

impl<T> ProbeClient<T>
where
    T: GrpcService<Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: tonic::codegen::Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as tonic::codegen::Body>::Error: Into<StdError> + Send,
{
    pub(crate) fn new(channel: T) -> ProbeClient<T> {
        let grpc = tonic::client::Grpc::new(channel);
        ProbeClient {
            grpc: grpc.max_encoding_message_size(2 * MESSAGE_BYTES_MAX),
        }
    }

    pub(crate) async fn call(
        &mut self,
        method: &str,
        request: impl tonic::IntoRequest<String>,
    ) -> Result<Response<String>, Status> {
        let path = format!("/probe.v1.Probe/{method}").parse().unwrap();
        let ready = self.grpc.ready().await;
        ready.map_err(|error| Status::unavailable(error.into().to_string()))?;
        let codec = ProstCodec::<String, String>::default();
        let request = request.into_request();
        self.grpc.unary(request, path, codec).await
    }
}

/// A connection that knows nothing of gRPC, and so keeps no time.
#[derive(Clone)]
pub(crate) struct RawChannel {
    sender: hyper::client::conn::http2::SendRequest<Body>,
    address: SocketAddr,
}

impl RawChannel {
    pub(crate) async fn connect(address: SocketAddr) -> RawChannel {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let connected = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (sender, connection) = connected.await.unwrap();
        tokio::spawn(connection);
        RawChannel { sender, address }
    }
}

impl tonic::codegen::Service<http::Request<Body>> for RawChannel {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<Self::Response, hyper::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        *request.uri_mut() = format!("http://{}{path}", self.address).parse().unwrap();
        Box::pin(self.sender.send_request(request))
    }
}

/// Names of what is offered, as reflection tells them.
pub(crate) async fn reflected(channel: tickloom_chassis::rpc::PeerChannel) -> Vec<String> {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let mut client = ServerReflectionClient::new(channel);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = tonic::codegen::tokio_stream::once(request);
    let mut answers = client
        .server_reflection_info(requests)
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let mut names: Vec<String> = list.service.into_iter().map(|one| one.name).collect();
    names.sort_unstable();
    names
}
