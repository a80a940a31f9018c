//! Settings of providers of sign-in: `[auth.provider.NAME]`.

use anyhow::{Context, anyhow};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tickloom_auth::{ClientAuthentication, ClientSecret, ProviderConfig};
use tickloom_chassis::read_secret;

/// A provider with which people may sign in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderFile {
    /// Its issuer identifier, to the letter.
    issuer: String,
    /// What people read; its name if it is left out.
    title: Option<String>,
    /// What it calls this service.
    client_id: String,
    /// File with the secret of this service there.
    client_secret_file: Option<PathBuf>,
    /// Variable of the environment with it.
    client_secret_env: Option<String>,
    /// How the secret is shown: `basic` or `post`.
    #[serde(default)]
    client_authentication: ClientAuthentication,
    /// What is asked for.
    #[serde(default = "scopes")]
    scopes: Vec<String>,
    /// Whether somebody whose address it verified, and that no account has, gets an account.
    #[serde(default)]
    sign_up: bool,
    /// Methods and classes of its that stand for a second factor of ours.
    #[serde(default)]
    second_factor: Vec<String>,
}

fn scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).to_vec()
}

/// The providers, with their secrets read.
pub(super) fn providers(
    files: BTreeMap<String, ProviderFile>,
) -> Result<BTreeMap<String, ProviderConfig>, anyhow::Error> {
    let mut providers = BTreeMap::new();
    for (name, file) in files {
        let secret = secret(&name, &file)?;
        let config = ProviderConfig {
            issuer: file.issuer,
            title: file.title.unwrap_or_else(|| name.clone()),
            client_id: file.client_id,
            client_secret: secret,
            client_authentication: file.client_authentication,
            scopes: file.scopes,
            sign_up: file.sign_up,
            second_factor: file.second_factor,
        };
        providers.insert(name, config);
    }
    Ok(providers)
}

/// The secret of this service at a provider, which no message shows.
fn secret(name: &str, file: &ProviderFile) -> Result<Option<ClientSecret>, anyhow::Error> {
    let text = match (&file.client_secret_file, &file.client_secret_env) {
        (Some(_), Some(_)) => {
            return Err(anyhow!(
                "auth.provider.{name}: both client_secret_file and client_secret_env are set, expected one"
            ));
        }
        (None, None) => return Ok(None),
        (Some(path), None) => {
            read_secret(path).with_context(|| format!("auth.provider.{name}.client_secret_file"))?
        }
        (None, Some(variable)) => {
            let text = std::env::var(variable).map_err(|_| {
                anyhow!("auth.provider.{name}: the environment has no text in {variable}")
            })?;
            if text.trim().is_empty() {
                return Err(anyhow!(
                    "auth.provider.{name}: the secret in {variable} is empty"
                ));
            }
            text.trim().to_owned()
        }
    };
    Ok(Some(ClientSecret::new(text)))
}
