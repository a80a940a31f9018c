//! The operations over gRPC.

use crate::access::ReadNotes;
use crate::model::Note;
use crate::{Template, proto, store};
use std::sync::Arc;
use tickloom_chassis::rpc::{MESSAGE_BYTES_MAX, Rpc};
use tickloom_chassis::{PageQuery, PathParts, Problem, allow_call};
use tonic::{Request, Response, Status};

/// What describes the operations, for reflection.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/template.bin"));

pub(crate) fn rpc(template: &Arc<Template>) -> Rpc {
    let server = proto::template_server::TemplateServer::from_arc(Arc::clone(template))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    Rpc::new(DESCRIPTORS).with(server)
}

#[tonic::async_trait]
impl proto::template_server::Template for Template {
    async fn list_notes(
        &self,
        request: Request<proto::ListNotesRequest>,
    ) -> Result<Response<proto::ListNotesResponse>, Status> {
        let from = (request.metadata(), request.extensions());
        allow_call::<ReadNotes>(from, &PathParts::default()).await?;
        let proto::ListNotesRequest { after, limit } = request.into_inner();
        let query = PageQuery { after, limit }.checked()?;
        let reader = self.database.reader();
        let notes = store::after(reader, query.after_number()?, query.rows()).await;
        let page = query.page(notes.map_err(Problem::from)?, |note| {
            note.number.to_string()
        });
        Ok(Response::new(proto::ListNotesResponse {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
            more: page.more,
        }))
    }
}

impl From<Note> for proto::Note {
    fn from(note: Note) -> proto::Note {
        proto::Note {
            number: note.number,
            id: note.id,
            version: note.version,
            text: note.text,
            created: note.created,
            changed: note.changed,
        }
    }
}
