//! TLS without global state: the system's roots and the application's, over *ring*.
//!
//! The default provider of `rustls` is the process's, so a library that set it would quarrel with its application.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;

use crate::builder::BuildError;

/// Whom all TLS connections of a client trust.
pub(crate) struct Trust {
    /// In PEM form, besides the system's.
    pub(crate) root_certificates: Vec<Vec<u8>>,
    pub(crate) strictness: Strictness,
}

/// Whether certificates matter.
#[derive(Clone, Copy)]
pub(crate) enum Strictness {
    Verify,
    /// Anybody in between can read and change everything.
    AcceptAnything,
}

/// How all TLS connections of a client are made.
pub(crate) fn config(trust: &Trust) -> Result<ClientConfig, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = roots(&trust.root_certificates)?;
    let verifier: Arc<dyn ServerCertVerifier> = match trust.strictness {
        Strictness::Verify => Arc::new(Verifier::new_with_extra_roots(roots, Arc::clone(&provider))?),
        Strictness::AcceptAnything => Arc::new(AnyCertificate(Arc::clone(&provider))),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // That is how a verifier is given; by default this is the platform's.
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

fn roots(pem_bundles: &[Vec<u8>]) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let mut roots = Vec::new();
    for bundle in pem_bundles {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(bundle) {
            roots.push(certificate.map_err(|error| BuildError::RootCertificate(error.to_string()))?);
        }
        if roots.len() == before {
            return Err(BuildError::RootCertificate("it holds no certificate".to_owned()));
        }
    }
    Ok(roots)
}

/// Accepts whatever certificate there is, as long as its owner holds the key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
