//! What is in the database of secrets that are read again.

use crate::factor::{code, secret, set, sign_in};
use crate::{ADA, PASSWORD, SECOND, Served, access_token, config, encryption_keys, on_both};
use sqlx::Row;
use tickloom_auth::Auth;
use tickloom_auth::credential::encryption::EncryptionKeySource;
use tickloom_chassis::{Clock, Place, Runner, Stop};

/// Every such secret as it is kept, and the name of its key.
fn kept(served: &Served) -> Vec<(Vec<u8>, Option<String>)> {
    let database = served.database();
    let rows = sqlx::query(
        "SELECT secret, encrypted_with FROM second_factor UNION ALL SELECT pkcs8, encrypted_with FROM signing_key \
         UNION ALL SELECT key, encrypted_with FROM challenge_key",
    );
    let rows = served.runtime.block_on(rows.fetch_all(database.reader()));
    let rows = rows.unwrap();
    assert!(
        rows.len() >= 3,
        "a factor, a key of challenges, and at least one that signs"
    );
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn again(served: Served, first: char) -> Served {
    let (place, clock) = (served.place.clone(), served.clock.clone());
    drop(served);
    Served::with(&place, clock, |config| {
        config.encryption_keys = EncryptionKeySource::Given(encryption_keys(first));
    })
}

/// Why it does not start with keys of which only `first` and that of zeros are there.
fn refusal(place: &Place, clock: &Clock, first: char) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_told, stop) = Stop::new();
    let mut config = config();
    config.encryption_keys = EncryptionKeySource::Given(encryption_keys(first));
    let started = Runner::start::<Auth>(place, clock.clone(), config, &stop);
    runtime.block_on(started).err().unwrap().to_string()
}

#[test]
fn secrets_are_encrypted_with_the_first_key_and_nobody_notices_another() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let (shown, _) = set(&served, &tokens);
        let bytes = secret(&shown);
        // The object identifier of Ed25519 (RFC 8410, section 3), which each key that signs has in the clear.
        let ed25519 = [0x06, 0x03, 0x2b, 0x65, 0x70];
        let has = |kept: &[u8], part: &[u8]| kept.windows(part.len()).any(|at| at == part);
        let clear = |kept: &[u8]| has(kept, &bytes) || has(kept, &ed25519);
        let zeros = encryption_keys('A').name().to_owned();
        for (kept, key) in kept(&served) {
            assert!(!clear(&kept));
            assert_eq!(key.as_ref(), Some(&zeros));
        }
        // As they were kept before they were encrypted.
        let database = served.database();
        let update = sqlx::query("UPDATE second_factor SET secret = $1, encrypted_with = NULL");
        let update = update.bind(bytes.clone()).execute(database.reader());
        served.runtime.block_on(update).unwrap();
        let served = again(served, 'E');
        let newer = encryption_keys('E').name().to_owned();
        for (kept, key) in kept(&served) {
            assert!(!clear(&kept));
            assert_eq!(key.as_ref(), Some(&newer));
        }
        // A token that was signed before is good, and so are codes.
        let token = Some(access_token(&tokens));
        served.client.get("/auth/v1/accounts/me", token).is(200);
        served.advance(30 * SECOND);
        let now = served.clock.now().0;
        sign_in(&served, Some(&code(&shown, now))).is(201);
        let (place, clock) = (served.place.clone(), served.clock.clone());
        drop(served);
        let why = refusal(&place, &clock, 'A');
        assert!(
            why.contains(&format!(
                "was encrypted with the key {newer}, which is not in the file of keys"
            )),
            "{why}"
        );
        let served = Served::with(&place, clock, |config| {
            config.encryption_keys = EncryptionKeySource::Given(encryption_keys('E'));
        });
        served.advance(30 * SECOND);
        let now = served.clock.now().0;
        sign_in(&served, Some(&code(&shown, now))).is(201);
        served.try_sign_in(ADA, PASSWORD).is(401);
    });
}
