//! Over TLS: who is trusted, and what is spoken inside.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority, in PEM, and what a server with a certificate of it for this name needs.
fn authority(name: &str, alpn: &[&[u8]]) -> (String, TlsAcceptor) {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let own = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&own, &root).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key);
    let mut config = config.unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    (root.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// Answers each connection over TLS, HTTP/2 or 1.1 as the client chose, with what it was spoken to in.
async fn serve(acceptor: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let answer = hyper::service::service_fn(|request: Request<Incoming>| async move {
                    let body =
                        Body::from(format!("{:?} {}", request.version(), request.uri().path()));
                    Ok::<_, std::convert::Infallible>(axum::http::Response::new(body))
                });
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let stream = hyper_util::rt::TokioIo::new(stream);
                if is_http2 {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(stream, answer).await);
                } else {
                    let server = hyper::server::conn::http1::Builder::new();
                    drop(server.serve_connection(stream, answer).await);
                }
            });
        }
    });
    address
}

fn trusting(trust: Option<String>, clock: Clock) -> Outgoing {
    let config = OutgoingConfig {
        allow: vec!["id.example.com".to_owned()],
        trust,
    };
    let addresses = VecDeque::from([vec!["127.0.0.1".parse().unwrap()]]);
    let resolver = Resolver::Script(Arc::new(Mutex::new(addresses)));
    Outgoing::with_resolver(&config, clock, resolver).unwrap()
}

fn standing() -> Clock {
    Clock::standing(BEGIN)
}

#[tokio::test]
async fn a_host_is_who_its_certificate_says_and_speaks_what_both_can() {
    for (alpn, spoken) in [
        (&[&b"h2"[..]][..], "HTTP/2.0 /x"),
        (&[b"http/1.1"], "HTTP/1.1 /x"),
        (&[], "HTTP/1.1 /x"),
    ] {
        let (pem, acceptor) = authority("id.example.com", alpn);
        let address = serve(acceptor).await;
        let url = format!("https://id.example.com:{}/x?secret", address.port());
        let answer = trusting(Some(pem), standing())
            .send(&get(&url))
            .await
            .unwrap();
        assert_eq!(answer.body, spoken);
    }
}

#[tokio::test]
async fn nobody_is_believed_who_shows_no_good_certificate() {
    let (pem, acceptor) = authority("id.example.com", &[]);
    let (other, wrong) = authority("other.example.com", &[]);
    let (right, wrong) = (serve(acceptor).await.port(), serve(wrong).await.port());
    // rcgen's certificates are good from 1975 to 4096.
    let long_ago = Clock::standing(Ts(100_000_000_000));
    for (trust, clock, port) in [
        (None, standing(), right),
        (Some(&other), standing(), right),
        (Some(&other), standing(), wrong),
        (Some(&pem), long_ago, right),
    ] {
        let url = format!("https://id.example.com:{port}/secret");
        let error = trusting(trust.cloned(), clock)
            .send(&once(&url))
            .await
            .unwrap_err();
        assert!(
            matches!(error, OutgoingError::Connection { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn tls_is_never_left_by_a_redirect() {
    let url = Url::parse("https://id.example.com/").unwrap();
    for (location, is_followed) in [
        ("http://id.example.com/", false),
        ("HTTP://id.example.com/", false),
        ("//id.example.com/x", true),
        ("https://other.example.com/", true),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location.parse().unwrap());
        let answer = OutgoingAnswer {
            status: axum::http::StatusCode::FOUND,
            headers,
            body: Bytes::new(),
            host: "id.example.com:443".to_owned(),
        };
        assert_eq!(target(&url, &answer).is_ok(), is_followed, "{location}");
    }
}

#[test]
fn what_is_trusted_has_to_be_certificates() {
    for trust in [
        "",
        "secret",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let config = OutgoingConfig {
            allow: Vec::new(),
            trust: Some(trust.to_owned()),
        };
        let error = Outgoing::new(&config, standing()).unwrap_err();
        assert!(
            matches!(error, OutgoingError::Setting { name: "trust", .. }),
            "{error:?}"
        );
    }
}
