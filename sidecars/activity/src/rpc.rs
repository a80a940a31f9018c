//! The operations over gRPC.

use crate::access::{ReadRun, ReadRuns};
use crate::lists::{self, Run};
use crate::model::{Fill, Signal};
use crate::{Activity, proto};
use std::sync::Arc;
use tickloom_chassis::rpc::{MESSAGE_BYTES_MAX, Rpc};
use tickloom_chassis::{PageQuery, PathParts, allow_call};
use tonic::{Request, Response, Status};

/// What describes the operations, for reflection.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/activity.bin"));

pub(crate) fn rpc(activity: &Arc<Activity>) -> Rpc {
    let server = proto::activity_server::ActivityServer::from_arc(Arc::clone(activity))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    Rpc::new(DESCRIPTORS).with(server)
}

#[tonic::async_trait]
impl proto::activity_server::Activity for Activity {
    async fn list_runs(
        &self,
        request: Request<proto::ListRunsRequest>,
    ) -> Result<Response<proto::ListRunsResponse>, Status> {
        let from = (request.metadata(), request.extensions());
        allow_call::<ReadRuns>(from, &PathParts::default()).await?;
        let proto::ListRunsRequest { after, limit } = request.into_inner();
        let query = PageQuery { after, limit }.checked()?;
        let page = lists::runs(self, query).await?;
        Ok(Response::new(proto::ListRunsResponse {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
            more: page.more,
        }))
    }

    async fn list_fills(
        &self,
        request: Request<proto::ListFillsRequest>,
    ) -> Result<Response<proto::ListFillsResponse>, Status> {
        let from = (request.metadata(), request.extensions());
        let path = PathParts::of(&[("run", &request.get_ref().run)]);
        allow_call::<ReadRun>(from, &path).await?;
        let proto::ListFillsRequest { run, after, limit } = request.into_inner();
        let query = PageQuery { after, limit }.checked()?;
        let page = lists::fills(self, &run, query).await?;
        Ok(Response::new(proto::ListFillsResponse {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
            more: page.more,
        }))
    }

    async fn list_signals(
        &self,
        request: Request<proto::ListSignalsRequest>,
    ) -> Result<Response<proto::ListSignalsResponse>, Status> {
        let from = (request.metadata(), request.extensions());
        let path = PathParts::of(&[("run", &request.get_ref().run)]);
        allow_call::<ReadRun>(from, &path).await?;
        let proto::ListSignalsRequest { run, after, limit } = request.into_inner();
        let query = PageQuery { after, limit }.checked()?;
        let page = lists::signals(self, &run, query).await?;
        Ok(Response::new(proto::ListSignalsResponse {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
            more: page.more,
        }))
    }
}

impl From<Run> for proto::Run {
    fn from(run: Run) -> proto::Run {
        proto::Run {
            run: run.run,
            started: run.started,
            journal: run.journal,
            outputs: run.outputs,
            caught_up: run.caught_up,
        }
    }
}

impl From<Fill> for proto::Fill {
    fn from(fill: Fill) -> proto::Fill {
        proto::Fill {
            number: fill.number,
            cause: fill.cause,
            at: fill.at,
            instrument: fill.instrument,
            strategy: fill.strategy,
            order: fill.order,
            side: fill.side,
            price: fill.price,
            quantity: fill.quantity,
            fee: fill.fee,
            currency: fill.currency,
            taker: fill.taker,
        }
    }
}

impl From<Signal> for proto::Signal {
    fn from(signal: Signal) -> proto::Signal {
        proto::Signal {
            number: signal.number,
            cause: signal.cause,
            at: signal.at,
            name: signal.name,
            ready: signal.ready,
            value: signal.value,
            bits: signal.bits,
        }
    }
}
