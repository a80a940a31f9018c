//! Callers over gRPC show certificates of the authority, and whoever does not is not let in.

use super::{BEGIN, Conforms, Harness};
use crate::clock::Clock;
use crate::database::Place;
use crate::identity::{Authority, CERTIFICATE_LIFE, Identity, Peers, TrustDomain};
use crate::rpc::PeerChannel;
use crate::rpc::{peer_channel, plain_channel};
use crate::service::Service;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tickloom_types::Ts;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Life of the certificate that expires.
const SHORT: Duration = Duration::from_secs(60);

/// A caller with a certificate of the authority is let in; one with none, of another authority, of a name that may not call, or with
/// one that has expired is not.
pub(super) fn show_certificates<S: Conforms>() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::standing(BEGIN);
    let authority = |name: &str| opened(&folder.path().join(name), &clock);
    let (ours, other) = (authority("ours"), authority("other"));
    let identity = |authority: &Arc<Authority>, name: &str, life: Duration| {
        let made = Identity::of_authority(authority, name, life, clock.clone());
        made.expect("a certificate")
    };
    let own = identity(&ours, S::Service::NAME, CERTIFICATE_LIFE);
    let harness = Harness::<S>::start(
        &Place::Folder(folder.path().join("data")),
        clock.clone(),
        S::config(),
        Some((own, Peers::named(["caller", "brief"]))),
    );
    let grpc = harness.grpc.expect("gRPC is served");
    harness.runtime.block_on(async {
        let caller = identity(&ours, "caller", CERTIFICATE_LIFE);
        let brief = identity(&ours, "brief", SHORT);
        let to =
            |identity: &Identity| peer_channel(grpc, identity, S::Service::NAME).expect("a way");
        assert!(is_let_in::<S>(to(&caller)).await, "a caller of ours");
        assert!(is_let_in::<S>(to(&brief)).await, "another caller of ours");
        let stranger = identity(&ours, "stranger", CERTIFICATE_LIFE);
        assert!(!is_let_in::<S>(to(&stranger)).await, "a name that may not");
        let fake = identity(&other, "caller", CERTIFICATE_LIFE);
        assert!(!is_let_in::<S>(to(&fake)).await, "of another authority");
        assert!(!is_let_in::<S>(plain(grpc)).await, "without a certificate");
        assert!(clock.advance_to(Ts(BEGIN.0 + 61_000_000_000)));
        assert!(!is_let_in::<S>(to(&brief)).await, "expired");
        assert!(is_let_in::<S>(to(&caller)).await, "a caller of ours, later");
    });
}

fn opened(folder: &Path, clock: &Clock) -> Arc<Authority> {
    let opened = Authority::open(folder, &TrustDomain::default(), clock.clone());
    Arc::new(opened.expect("an authority"))
}

fn plain(address: SocketAddr) -> PeerChannel {
    plain_channel(address).expect("a way")
}

async fn is_let_in<S: Conforms>(channel: PeerChannel) -> bool {
    let request = HealthCheckRequest {
        service: S::Service::NAME.to_owned(),
    };
    HealthClient::new(channel).check(request).await.is_ok()
}
