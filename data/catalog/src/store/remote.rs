//! The store that is a bucket of an S3-compatible server, by the `object_store` crate. Its calls are asynchronous; a small
//! runtime of its own turns them into plain ones, so that nothing else in this crate knows of it.

use super::s3_error::reason;
use super::stored::{Stored, Version};
use crate::limits::{REMOTE_RETRIES_MAX, REMOTE_RETRY_S_MAX, UPLOAD_PART_BYTES};
use crate::{CatalogError, Result};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{
    Error, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode,
    RetryConfig, UpdateVersion,
};
use std::fs::File;
use std::future::Future;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Small files that are asked for at the same time.
const READS_AT_ONCE: usize = 16;

/// A bucket, and the prefix in it under which everything lies.
#[derive(Debug)]
pub(super) struct Remote {
    url: String,
    prefix: String,
    bucket: AmazonS3,
    runtime: Runtime,
}

impl Remote {
    /// The bucket and prefix of an url `s3://bucket/prefix`.
    pub(super) fn new(url: &str, options: &[(&str, &str)]) -> Result<Remote> {
        let fault = |reason: String| CatalogError::Store {
            action: "use",
            url: url.to_owned(),
            reason,
        };
        let rest = url
            .strip_prefix("s3://")
            .ok_or_else(|| fault("expected s3://BUCKET/PREFIX or a directory".to_owned()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(fault("expected a bucket after s3://".to_owned()));
        }
        let mut builder = AmazonS3Builder::from_env();
        for (name, value) in options {
            let key: AmazonS3ConfigKey = name
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| fault(format!("{name} is not a setting of S3")))?;
            builder = builder.with_config(key, *value);
        }
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        if endpoint.is_some_and(|endpoint| is_loopback(&endpoint)) {
            builder = builder.with_allow_http(true);
        }
        install_tls();
        let bucket = builder
            .with_bucket_name(bucket)
            .with_retry(RetryConfig {
                max_retries: REMOTE_RETRIES_MAX,
                retry_timeout: Duration::from_secs(REMOTE_RETRY_S_MAX),
                ..RetryConfig::default()
            })
            .build()
            .map_err(|error| fault(reason(&error)))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("object-store")
            .enable_all()
            .build()
            .map_err(|error| fault(error.to_string()))?;
        Ok(Remote {
            url: url.trim_end_matches('/').to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            bucket,
            runtime,
        })
    }

    pub(super) fn list(&self, dir: &Path) -> Result<Vec<Stored>> {
        let prefix = self.key(dir)?;
        let found = self
            .runtime
            .block_on(self.bucket.list(Some(&prefix)).try_collect::<Vec<_>>())
            .map_err(|error| self.fault("list", dir, &error))?;
        let files = found.into_iter().map(|object| Stored {
            path: PathBuf::from(self.below_prefix(&object.location)),
            bytes: object.size,
        });
        Ok(files.collect())
    }

    pub(super) fn has_files(&self, dir: &Path) -> Result<bool> {
        let prefix = self.key(dir)?;
        let mut files = self.bucket.list(Some(&prefix));
        let first = self.runtime.block_on(files.try_next());
        Ok(first
            .map_err(|error| self.fault("list", dir, &error))?
            .is_some())
    }

    pub(super) fn read(&self, path: &Path) -> Result<Bytes> {
        let key = self.key(path)?;
        self.wait("read", path, async {
            self.bucket.get(&key).await?.bytes().await
        })
    }

    pub(super) fn read_all(&self, paths: &[PathBuf]) -> Result<Vec<Bytes>> {
        let keys = paths.iter().map(|path| Ok((path, self.key(path)?)));
        let keys: Vec<(&PathBuf, Key)> = keys.collect::<Result<_>>()?;
        let reads = keys.into_iter().map(|(path, key)| async move {
            let read = async { self.bucket.get(&key).await?.bytes().await };
            read.await.map_err(|error| self.fault("read", path, &error))
        });
        let all = stream::iter(reads).buffered(READS_AT_ONCE).try_collect();
        self.runtime.block_on(all)
    }

    pub(super) fn read_version(&self, path: &Path) -> Result<Option<(Bytes, Version)>> {
        let key = self.key(path)?;
        let read = async {
            let found = self.bucket.get(&key).await?;
            let version = Version(found.meta.e_tag.clone());
            Ok((found.bytes().await?, version))
        };
        match self.runtime.block_on(read) {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.fault("read", path, &error)),
        }
    }

    pub(super) fn read_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let key = self.key(path)?;
        self.wait("read", path, self.bucket.get_range(&key, range))
    }

    pub(super) fn read_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let key = self.key(path)?;
        let reads = ranges
            .iter()
            .map(|range| self.bucket.get_range(&key, range.clone()));
        self.wait("read", path, async {
            stream::iter(reads)
                .buffered(READS_AT_ONCE)
                .try_collect()
                .await
        })
    }

    pub(super) fn read_end(&self, path: &Path, bytes: u64) -> Result<(Bytes, u64)> {
        let key = self.key(path)?;
        self.wait("read", path, async {
            let options = GetOptions {
                range: Some(GetRange::Suffix(bytes)),
                ..GetOptions::default()
            };
            let found = self.bucket.get_opts(&key, options).await?;
            let len = found.meta.size;
            Ok((found.bytes().await?, len))
        })
    }

    pub(super) fn exists(&self, path: &Path) -> Result<bool> {
        Ok(self.bytes(path)?.is_some())
    }

    pub(super) fn bytes(&self, path: &Path) -> Result<Option<u64>> {
        let key = self.key(path)?;
        match self.runtime.block_on(self.bucket.head(&key)) {
            Ok(found) => Ok(Some(found.size)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.fault("look at", path, &error)),
        }
    }

    pub(super) fn put(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.put_mode(path, bytes, PutMode::Overwrite).map(|_| ())
    }

    pub(super) fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<bool> {
        self.put_mode(path, bytes, PutMode::Create)
    }

    pub(super) fn swap(&self, path: &Path, bytes: &[u8], read: &Version) -> Result<bool> {
        let expected = UpdateVersion {
            e_tag: read.0.clone(),
            version: None,
        };
        self.put_mode(path, bytes, PutMode::Update(expected))
    }

    /// False if the mode's condition does not hold, and what is there is something else: a put that was done and whose answer was an
    /// error is made again, and finds its own.
    fn put_mode(&self, path: &Path, bytes: &[u8], mode: PutMode) -> Result<bool> {
        let key = self.key(path)?;
        let payload = Bytes::copy_from_slice(bytes).into();
        let put = self.bucket.put_opts(&key, payload, mode.into());
        match self.runtime.block_on(put) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                let there = self.read_version(path)?;
                Ok(there.is_some_and(|(there, _)| there == bytes))
            }
            Err(error) => Err(self.fault("write", path, &error)),
        }
    }

    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        let key = self.key(path)?;
        match self.runtime.block_on(self.bucket.delete(&key)) {
            Err(error) if !is_absent(&error) => Err(self.fault("remove", path, &error)),
            _ => Ok(()),
        }
    }

    pub(super) fn begin(&self, path: &Path) -> Result<File> {
        tempfile::tempfile().map_err(CatalogError::io(
            "make a temporary file for",
            &self.whole(path),
        ))
    }

    /// Sends a file in one piece, or a large one in parts, of which one is in memory at a time.
    pub(super) fn upload(&self, path: &Path, mut file: File) -> Result<()> {
        let io = |error| CatalogError::io("read the temporary file for", &self.whole(path))(error);
        let len = file.seek(SeekFrom::End(0)).map_err(io)?;
        file.rewind().map_err(io)?;
        let mut bytes = next_part(&mut file).map_err(io)?;
        if bytes.len() as u64 == len {
            return self.put(path, &bytes);
        }
        let key = self.key(path)?;
        let mut upload = self.wait("write", path, self.bucket.put_multipart(&key))?;
        while !bytes.is_empty() {
            let part = upload.put_part(Bytes::from(bytes).into());
            if let Err(error) = self.runtime.block_on(part) {
                return Err(self.give_up(path, &mut *upload, &error));
            }
            bytes = next_part(&mut file).map_err(io)?;
        }
        match self.runtime.block_on(upload.complete()) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.give_up(path, &mut *upload, &error)),
        }
    }

    /// Asks the server to forget the parts, which it would charge for; if it cannot be asked, its own rules will.
    fn give_up(
        &self,
        path: &Path,
        upload: &mut dyn MultipartUpload,
        error: &Error,
    ) -> CatalogError {
        self.runtime.block_on(upload.abort()).ok();
        self.fault("write", path, error)
    }

    fn wait<T>(
        &self,
        action: &'static str,
        path: &Path,
        answer: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        let answer = self.runtime.block_on(answer);
        answer.map_err(|error| self.fault(action, path, &error))
    }

    fn whole(&self, path: &Path) -> PathBuf {
        Path::new(&self.url).join(path)
    }

    fn fault(&self, action: &'static str, path: &Path, error: &Error) -> CatalogError {
        CatalogError::Store {
            action,
            url: self.whole(path).display().to_string(),
            reason: reason(error),
        }
    }

    /// Names are taken as they are: a `%2F` in one is three letters.
    fn key(&self, path: &Path) -> Result<Key> {
        let mut text = self.prefix.clone();
        for part in path {
            text.push('/');
            text.push_str(&part.to_string_lossy());
        }
        Key::parse(&text).map_err(|error| self.fault("name", path, &error.into()))
    }

    fn below_prefix<'a>(&self, key: &'a Key) -> &'a str {
        let text = key.as_ref();
        let below = text.strip_prefix(&self.prefix).unwrap_or(text);
        below.trim_start_matches('/')
    }
}

fn next_part(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(UPLOAD_PART_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// No such object. No such bucket is an error.
fn is_absent(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && !reason(error).contains("bucket")
}

/// Plain http is for a server on this machine; elsewhere it has to be asked for with `AWS_ALLOW_HTTP`.
fn is_loopback(endpoint: &str) -> bool {
    let rest = endpoint.strip_prefix("http://").unwrap_or("");
    let authority = rest.split('/').next().unwrap_or("");
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    let is_loopback_ip = |ip: std::net::IpAddr| ip.is_loopback();
    host == "localhost" || host.parse().is_ok_and(is_loopback_ip)
}

/// The process has one provider of cryptography. Whoever comes first sets it; ours is `ring`, as everywhere in the product.
fn install_tls() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_only_for_this_machine() {
        for endpoint in [
            "http://127.0.0.1:9000",
            "http://localhost:9000/x",
            "http://[::1]:9000",
        ] {
            assert!(is_loopback(endpoint), "{endpoint}");
        }
        for endpoint in [
            "https://127.0.0.1",
            "http://10.0.0.1:9000",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
        ] {
            assert!(!is_loopback(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn a_location_that_makes_no_sense_is_refused() {
        let check = |url: &str, expected: &str| {
            let error = Remote::new(url, &[("aws_region", "x")]).err().unwrap();
            assert_eq!(error.to_string(), format!("cannot use {url}: {expected}"));
        };
        check("ftp://a/b", "expected s3://BUCKET/PREFIX or a directory");
        check("s3:///b", "expected a bucket after s3://");
        let error = Remote::new("s3://a", &[("shoe_size", "9")]).err().unwrap();
        assert_eq!(
            error.to_string(),
            "cannot use s3://a: shoe_size is not a setting of S3"
        );
    }
}
