//! TLS without global state: the system's roots and the application's, over *ring*.
//!
//! The default provider of `rustls` is the process's, so a library that set it would quarrel with its application.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use crate::builder::BuildError;

/// What all TLS connections of a client trust.
pub(crate) fn config(pem_bundles: &[Vec<u8>]) -> Result<ClientConfig, BuildError> {
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
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // That is how a verifier is given; this one is the platform's.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}
