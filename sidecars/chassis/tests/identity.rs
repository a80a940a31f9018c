//! Who a service is to others, over real sockets: whose certificates are taken and whose are not, certificates and roots that change while
//! requests go on, and an authority that is wholly there or not at all.

#![cfg(test)]

#[path = "identity/files.rs"]
mod files;

use std::sync::Arc;
use std::time::Duration;
use tickloom_chassis::identity::{
    Authority, CERTIFICATE_LIFE, HANDSHAKE_TIME_MAX, Identity, IdentityError, Peers, SpiffeId,
    TrustDomain, accept_peer, connect_peer,
};
use tickloom_chassis::{Clock, Stop};
use tickloom_types::Ts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, ServerConfig, SignatureScheme};

/// 2027-01-15, 08:00:00 UTC.
const START: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn at(seconds: i64) -> Ts {
    Ts(seconds * 1_000_000_000)
}

/// An authority in a folder that lasts as long as it does.
struct Harness {
    folder: tempfile::TempDir,
    authority: Arc<Authority>,
    clock: Clock,
}

impl Harness {
    fn new() -> Harness {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::standing(at(START));
        let authority = Authority::open(folder.path(), &TrustDomain::default(), clock.clone());
        Harness {
            authority: Arc::new(authority.unwrap()),
            folder,
            clock,
        }
    }

    fn identity(&self, name: &str) -> Arc<Identity> {
        self.living(name, CERTIFICATE_LIFE)
    }

    fn living(&self, name: &str, life: Duration) -> Arc<Identity> {
        Identity::of_authority(&self.authority, name, life, self.clock.clone()).unwrap()
    }
}

/// What both sides of one connection see: the server whom it has accepted, the client whom it has reached, and what came back.
struct Met {
    server: Result<String, String>,
    client: Result<String, String>,
    echoed: bool,
}

/// One connection, on which the client sends four bytes, and the server sends back what it gets.
async fn meet(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> Met {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut stream, id) = accept_peer(stream, server, HANDSHAKE_TIME_MAX).await?;
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await.ok();
        stream.write_all(&bytes).await.ok();
        stream.shutdown().await.ok();
        Ok::<SpiffeId, IdentityError>(id)
    };
    let asking = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut stream, id) = connect_peer(stream, client, HANDSHAKE_TIME_MAX).await?;
        stream.write_all(b"ping").await.ok();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.ok();
        Ok::<_, IdentityError>((id, bytes == b"ping"))
    };
    let (server, client) = tokio::join!(serving, asking);
    Met {
        echoed: client.as_ref().is_ok_and(|(_, echoed)| *echoed),
        server: told(server),
        client: told(client.map(|(id, _)| id)),
    }
}

fn told(met: Result<SpiffeId, IdentityError>) -> Result<String, String> {
    met.map(|id| id.name().to_owned())
        .map_err(|error| error.to_string())
}

/// That nothing came back, and what the side that refused says.
#[track_caller]
fn assert_refused(met: &Met, said: &Result<String, String>, why: &str) {
    assert!(!met.echoed);
    let said = said.as_ref().unwrap_err();
    assert!(said.contains(why), "{said}");
}

#[tokio::test]
async fn two_services_of_one_authority_know_each_other_by_name() {
    let harness = Harness::new();
    let (billing, auth) = (harness.identity("billing"), harness.identity("auth"));
    assert_eq!(billing.id().to_string(), "spiffe://tickloom/billing");
    for (callers, servers) in [
        (Peers::named(["auth", "other"]), Peers::named(["billing"])),
        (Peers::All, Peers::All),
    ] {
        let server = billing.server_config(callers).unwrap();
        let met = meet(server, auth.client_config(servers).unwrap()).await;
        assert!(met.echoed, "{:?} {:?}", met.server, met.client);
        assert_eq!(met.server.unwrap(), "auth");
        assert_eq!(met.client.unwrap(), "billing");
    }
}

/// A client that has no certificate to show.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_caller_who_shows_nothing_or_something_else_is_refused() {
    let harness = Harness::new();
    let billing = harness.identity("billing");
    let auth = harness.identity("auth");
    let server = billing.server_config(Peers::named(["auth"])).unwrap();
    let to_billing = |identity: &Identity| identity.client_config(Peers::All).unwrap();

    let mut nobody = (*to_billing(&auth)).clone();
    nobody.client_auth_cert_resolver = Arc::new(Nobody);
    let met = meet(Arc::clone(&server), Arc::new(nobody)).await;
    assert_refused(&met, &met.server, "peer sent no certificates");

    let met = meet(
        Arc::clone(&server),
        to_billing(&harness.identity("portfolio")),
    )
    .await;
    assert_refused(
        &met,
        &met.server,
        "the certificate is of spiffe://tickloom/portfolio, expected spiffe://tickloom/auth",
    );

    // Of another authority, under the right name: it takes our server, and its certificate is what is refused.
    let other = Harness::new();
    let mut stranger = (*to_billing(&auth)).clone();
    let its = other.identity("auth").client_config(Peers::All).unwrap();
    stranger.client_auth_cert_resolver = Arc::clone(&its.client_auth_cert_resolver);
    let met = meet(server, Arc::new(stranger)).await;
    assert_refused(&met, &met.server, "invalid peer certificate: UnknownIssuer");
}

#[tokio::test]
async fn a_server_that_is_somebody_else_is_refused() {
    let harness = Harness::new();
    let portfolio = harness.identity("portfolio");
    let auth = harness.identity("auth");
    let client = auth.client_config(Peers::named(["billing"])).unwrap();
    let met = meet(portfolio.server_config(Peers::All).unwrap(), client).await;
    assert_refused(
        &met,
        &met.client,
        "the certificate is of spiffe://tickloom/portfolio, expected spiffe://tickloom/billing",
    );

    let other = Harness::new();
    let billing = other.identity("billing");
    let client = auth.client_config(Peers::named(["billing"])).unwrap();
    let met = meet(billing.server_config(Peers::All).unwrap(), client).await;
    assert_refused(&met, &met.client, "invalid peer certificate: UnknownIssuer");
}

#[tokio::test]
async fn a_certificate_is_taken_only_while_it_is_valid() {
    let harness = Harness::new();
    let billing = harness.identity("billing");
    let server = billing.server_config(Peers::All).unwrap();
    let short = harness.living("auth", Duration::from_secs(60));
    let client = short.client_config(Peers::All).unwrap();
    assert!(harness.clock.advance_to(at(START + 60)));
    assert!(meet(Arc::clone(&server), Arc::clone(&client)).await.echoed);
    assert!(harness.clock.advance_to(at(START + 61)));
    let met = meet(Arc::clone(&server), Arc::clone(&client)).await;
    assert_refused(&met, &met.server, "certificate expired");
    short.renew().unwrap();
    assert!(meet(server, client).await.echoed);

    // A server whose clock is behind; valid from five minutes before it was signed.
    let behind = Clock::standing(at(START - 301 + 61));
    let early = Identity::of_authority(
        &harness.authority,
        "billing",
        CERTIFICATE_LIFE,
        behind.clone(),
    );
    let server = early.unwrap().server_config(Peers::All).unwrap();
    let client = short.client_config(Peers::All).unwrap();
    let met = meet(Arc::clone(&server), Arc::clone(&client)).await;
    assert_refused(&met, &met.server, "certificate not valid yet");
    assert!(behind.advance_to(at(START - 300 + 61)));
    assert!(meet(server, client).await.echoed);
}

#[tokio::test]
async fn whoever_does_not_speak_tls_or_says_nothing_is_let_go() {
    let harness = Harness::new();
    let server = harness
        .identity("billing")
        .server_config(Peers::All)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let refused = accept_peer(stream, Arc::clone(&server), HANDSHAKE_TIME_MAX).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("no connection could be set up"),
        "{refused}"
    );
    let mut left = Vec::new();
    plain.read_to_end(&mut left).await.ok();
    assert!(!left.starts_with(b"\0\0"), "{left:?}");

    let mut silent = TcpStream::connect(address).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let stalled = accept_peer(stream, server, Duration::from_millis(20)).await;
    let stalled = stalled.unwrap_err().to_string();
    assert_eq!(
        stalled,
        "the other side did not set up the connection within 0.02 s"
    );
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_go_on_while_certificates_and_roots_change() {
    let harness = Harness::new();
    let (billing, auth) = (harness.identity("billing"), harness.identity("auth"));
    let server = billing.server_config(Peers::named(["auth"])).unwrap();
    let client = auth.client_config(Peers::named(["billing"])).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                let (mut stream, _) = accept_peer(stream, server, HANDSHAKE_TIME_MAX)
                    .await
                    .unwrap();
                let mut bytes = [0; 4];
                while stream.read_exact(&mut bytes).await.is_ok() {
                    stream.write_all(&bytes).await.unwrap();
                }
            });
        }
    });
    let connect = async || {
        let stream = TcpStream::connect(address).await.unwrap();
        let connected = connect_peer(stream, Arc::clone(&client), HANDSHAKE_TIME_MAX).await;
        connected.unwrap().0
    };
    let mut open = connect().await;
    for round in 0..100_u32 {
        // Three at a time, while one side or the other gets a new certificate, or the authority a new root.
        let asking = async || {
            let mut stream = connect().await;
            stream.write_all(&round.to_be_bytes()).await.unwrap();
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).await.unwrap();
            assert_eq!(bytes, round.to_be_bytes());
        };
        let changing = async {
            // At another moment of the handshakes each time.
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            if round % 3 == 0 {
                assert!(
                    harness
                        .clock
                        .advance_to(at(START + DAY / 4 * i64::from(round)))
                );
                if round % 10 == 0 {
                    harness.authority.rotate().unwrap();
                }
                for identity in [&billing, &auth] {
                    identity.renew().unwrap();
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::join!(asking(), asking(), asking(), changing);
        open.write_all(b"open").await.unwrap();
        let mut bytes = [0; 4];
        open.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"open");
    }
    let renewals = (billing.state().renewals, auth.state().renewals);
    assert_eq!(renewals, (34, 34));
    assert!(harness.authority.show().len() > 1);
}

#[tokio::test]
async fn a_certificate_is_renewed_after_two_thirds_of_its_life() {
    let harness = Harness::new();
    let auth = harness.identity("auth");
    let state = auth.state();
    assert_eq!(
        (state.from, state.until, state.renew),
        (at(START - 300), at(START + DAY), at(START + 57_600))
    );
    assert!(harness.clock.advance_to(Ts(at(START + 57_600).0 - 1)));
    auth.look();
    assert_eq!(auth.state().renewals, 0);
    assert!(harness.clock.advance_to(at(START + 57_600)));
    auth.look();
    let state = auth.state();
    assert_eq!((state.renewals, state.until), (1, at(START + 57_600 + DAY)));
    // The task does the same when the clock is moved, until it is told to stop.
    let (told, stop) = Stop::new();
    let keeping = tokio::spawn(Arc::clone(&auth).keep(stop));
    assert!(harness.clock.advance_to(at(START + 10 * DAY)));
    let renewed = async {
        while auth.state().renewals < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), renewed)
        .await
        .unwrap();
    assert_eq!(auth.state().until, at(START + 11 * DAY));
    drop(told);
    keeping.await.unwrap();
}

#[tokio::test]
async fn an_old_root_and_a_new_one_are_accepted_side_by_side() {
    let harness = Harness::new();
    // Another process has the same folder.
    let theirs = Authority::existing(harness.folder.path(), harness.clock.clone()).unwrap();
    let theirs = Arc::new(theirs);
    let auth = Identity::of_authority(&theirs, "auth", CERTIFICATE_LIFE, harness.clock.clone());
    let auth = auth.unwrap();
    let deaf_authority = Authority::existing(harness.folder.path(), harness.clock.clone()).unwrap();
    let deaf = Identity::of_authority(
        &Arc::new(deaf_authority),
        "auth",
        CERTIFICATE_LIFE,
        harness.clock.clone(),
    )
    .unwrap();
    let billing = harness.identity("billing");
    harness.authority.rotate().unwrap();
    let signs: Vec<bool> = harness
        .authority
        .show()
        .iter()
        .map(|root| root.signs)
        .collect();
    assert_eq!(signs, [false, true]);
    let pair = |client: &Identity| {
        (
            billing.server_config(Peers::All).unwrap(),
            client.client_config(Peers::All).unwrap(),
        )
    };
    auth.look();
    for late in [0, 3_599, 3_600, 3_601] {
        assert!(harness.clock.advance_to(at(START + late)));
        billing.renew().unwrap();
        let (server, client) = pair(&auth);
        assert!(meet(server, client).await.echoed, "after {late} s");
    }
    let signs: Vec<bool> = harness
        .authority
        .show()
        .iter()
        .map(|root| root.signs)
        .collect();
    assert_eq!(signs, [true, false]);
    // One that never heard of the new root does not take what it signed.
    let (server, client) = pair(&deaf);
    let met = meet(server, client).await;
    assert_refused(&met, &met.client, "invalid peer certificate: UnknownIssuer");
    deaf.look();
    let (server, client) = pair(&deaf);
    assert!(meet(server, client).await.echoed);
    // When all that the first has signed is over, the next rotation drops it.
    assert!(harness.clock.advance_to(at(START + 3_600 + 7 * DAY)));
    harness.authority.rotate().unwrap();
    assert_eq!(harness.authority.show().len(), 2);
}
