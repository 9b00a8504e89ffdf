//! Certificate requests (PKCS #10): made without a name, because the server sets it; read from strangers.

use rcgen::{CertificateParams, DistinguishedName, SubjectPublicKeyInfo};
use rollcall_model::{Principal, Sha256, ZoneId};
use rustls::pki_types::pem::SectionKind;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer;

use crate::{Key, KeyError, pem};

/// Longest request that is read; ours have about 300 bytes.
pub const LONGEST_CSR: usize = 8 * 1024;
/// What stands before a principal in a certificate's URI name.
pub const URI_SCHEME: &str = "rollcall:";

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// It is no request in PEM.
    #[error("that is no certificate request in PEM")]
    Malformed,
    /// Its signature is wrong: whoever sent it does not have the key.
    #[error("the certificate request is not signed by the key it names")]
    BadSignature,
    /// Another kind of key than the fleet's.
    #[error("the key in the certificate request is not ECDSA P-256")]
    WrongKey,
    /// It names somebody else than was asked for.
    #[error("the certificate request names {named:?}, but {asked} was asked for")]
    NamesAnother {
        /// The name in the request, cut to 80 characters.
        named: String,
        /// Who was asked for.
        asked: String,
    },
}

impl CsrError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "csr_malformed",
            Self::BadSignature => "csr_bad_signature",
            Self::WrongKey => "csr_wrong_key",
            Self::NamesAnother { .. } => "csr_names_another",
        }
    }
}

/// Makes a request for a key, without a name: the server sets it.
///
/// # Errors
/// When the cryptographic library fails.
pub fn make_csr(key: &Key) -> Result<String, KeyError> {
    make_csr_naming(key, None)
}

/// Makes a request that names somebody; for tests of refusal, and for peers that cannot leave the name out.
///
/// # Errors
/// When the cryptographic library fails, or the name cannot stand in a certificate.
pub fn make_csr_naming(key: &Key, common_name: Option<&str>) -> Result<String, KeyError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    if let Some(name) = common_name {
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    }
    let request = parameters.serialize_request(key.pair()).map_err(|_| KeyError::Library)?;
    Ok(pem::encode("CERTIFICATE REQUEST", request.der()))
}

/// Checks a stranger's request for a principal of a zone, and says whose key it is: the SHA-256 of its
/// SubjectPublicKeyInfo.
///
/// # Errors
/// See [`CsrError`].
pub fn check_csr(text: &str, principal: &Principal, zone: ZoneId) -> Result<Sha256, CsrError> {
    read(text, Some((principal, zone))).map(|request| request.digest)
}

/// The same where it is not known yet whom it is for: [`ZoneAuthority::issue`](crate::ZoneAuthority::issue) looks at the
/// names then.
///
/// # Errors
/// See [`CsrError`].
pub fn key_digest(text: &str) -> Result<Sha256, CsrError> {
    read(text, None).map(|request| request.digest)
}

/// What is taken from a request: the key, and nothing else.
pub(crate) struct Request {
    pub key: SubjectPublicKeyInfo,
    /// Of the key.
    pub digest: Sha256,
}

/// Reads a stranger's request and checks that its sender has the key.
///
/// `asked` and its zone are whom the certificate will name: a request that says otherwise is refused.
pub(crate) fn read(text: &str, asked: Option<(&Principal, ZoneId)>) -> Result<Request, CsrError> {
    if text.len() > LONGEST_CSR {
        return Err(CsrError::Malformed);
    }
    let sections = pem::sections(text).map_err(|_| CsrError::Malformed)?;
    let [(SectionKind::Csr, der)] = sections.as_slice() else {
        return Err(CsrError::Malformed);
    };
    let Ok(([], request)) = X509CertificationRequest::from_der(der) else {
        return Err(CsrError::Malformed);
    };
    let key = read_key(&request)?;
    request.verify_signature().map_err(|_| CsrError::BadSignature)?;
    if let Some((principal, zone)) = asked {
        refuse_other_names(&request, principal, zone)?;
    }
    let digest = Sha256::from_bytes(&crate::sha256(&[request.certification_request_info.subject_pki.raw]));
    Ok(Request { key, digest })
}

fn read_key(request: &X509CertificationRequest<'_>) -> Result<SubjectPublicKeyInfo, CsrError> {
    let spki = &request.certification_request_info.subject_pki;
    let curve = spki.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    if spki.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
        return Err(CsrError::WrongKey);
    }
    // One public key has one text (uncompressed), so that a key is recognised when it comes again.
    match spki.subject_public_key.data.as_ref() {
        [0x04, point @ ..] if point.len() == 64 => {}
        _ => return Err(CsrError::WrongKey),
    }
    SubjectPublicKeyInfo::from_der(spki.raw).map_err(|_| CsrError::WrongKey)
}

fn refuse_other_names(
    request: &X509CertificationRequest<'_>,
    principal: &Principal,
    zone: ZoneId,
) -> Result<(), CsrError> {
    let asked = principal.to_string();
    let another = |named: &str| CsrError::NamesAnother {
        named: named.chars().filter(|c| !c.is_control()).take(80).collect(),
        asked: asked.clone(),
    };
    for name in request.certification_request_info.subject.iter_common_name() {
        // What is no text names nobody we know, and is refused like any other name.
        let name = name.as_str().unwrap_or("(not text)");
        if !name.is_empty() && name != asked && !principal.is_user_in(name, zone) {
            return Err(another(name));
        }
    }
    for extension in request.requested_extensions().into_iter().flatten() {
        let ParsedExtension::SubjectAlternativeName(names) = extension else { continue };
        for name in &names.general_names {
            if let GeneralName::URI(uri) = name
                && uri.strip_prefix(URI_SCHEME).is_some_and(|named| named != asked)
            {
                return Err(another(uri));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType};
    use rollcall_model::NodeId;

    use super::*;

    fn asked() -> (Principal, ZoneId) {
        (Principal::Node(NodeId::derived_from("n")), ZoneId::derived_from("z"))
    }

    fn check(text: &str) -> Result<(), CsrError> {
        let (principal, zone) = asked();
        read(text, Some((&principal, zone))).map(drop)
    }

    #[test]
    fn a_request_without_a_name_or_with_the_right_one_is_taken() {
        let key = Key::generate().unwrap();
        let (principal, zone) = asked();
        for name in [None, Some(principal.to_string()), Some(principal.user_in(zone)), Some(String::new())] {
            assert_eq!(check(&make_csr_naming(&key, name.as_deref()).unwrap()), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn a_key_is_recognised_in_every_request_it_signs() {
        let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        let (principal, zone) = asked();
        let digest =
            |key: &Key, name: Option<&str>| check_csr(&make_csr_naming(key, name).unwrap(), &principal, zone).unwrap();
        assert_eq!(digest(&key, None), digest(&key, Some(&principal.to_string())));
        assert_ne!(digest(&key, None), digest(&other, None));
        assert_eq!(digest(&key, None), key.digest());
    }

    #[test]
    fn a_request_that_names_another_is_refused() {
        let key = Key::generate().unwrap();
        let (principal, _) = asked();
        let other = Principal::Node(NodeId::derived_from("m")).to_string();
        let elsewhere = principal.user_in(ZoneId::derived_from("y"));
        for name in [other.as_str(), &elsewhere, "guest", "\u{1b}[31m", " "] {
            let error = check(&make_csr_naming(&key, Some(name)).unwrap()).unwrap_err();
            assert_eq!(error.reason(), "csr_names_another", "{name}");
            assert!(!error.to_string().contains('\u{1b}'));
        }
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.subject_alt_names = vec![SanType::URI(format!("rollcall:{other}").try_into().unwrap())];
        let request = parameters.serialize_request(key.pair()).unwrap().pem().unwrap();
        assert_eq!(check(&request).unwrap_err().reason(), "csr_names_another");
    }

    #[test]
    fn other_keys_are_refused() {
        for algorithm in [&PKCS_ED25519, &PKCS_ECDSA_P384_SHA384] {
            let pair = KeyPair::generate_for(algorithm).unwrap();
            let request = CertificateParams::default().serialize_request(&pair).unwrap().pem().unwrap();
            assert_eq!(check(&request), Err(CsrError::WrongKey));
        }
    }

    #[test]
    fn what_is_no_single_request_is_refused() {
        let good = make_csr(&Key::generate().unwrap()).unwrap();
        let key = Key::generate().unwrap();
        for text in
            ["", "x", &good.repeat(2), &(good.clone() + &key.pem()), &format!("{good}{}", "\n".repeat(LONGEST_CSR))]
        {
            assert_eq!(check(text), Err(CsrError::Malformed));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn a_changed_request_is_refused(at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let text = make_csr(&Key::generate().unwrap()).unwrap();
            let mut der = pem::sections(&text).unwrap().remove(0).1;
            let signed = X509CertificationRequest::from_der(&der).unwrap().1.certification_request_info.raw.to_vec();
            let begin = der.windows(signed.len()).position(|window| window == signed).unwrap();
            der[begin + at.index(signed.len())] ^= 1 << bit;
            prop_assert!(check(&pem::encode("CERTIFICATE REQUEST", &der)).is_err());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0..300usize) {
            prop_assert!(check(&pem::encode("CERTIFICATE REQUEST", &bytes)).is_err());
            let good = pem::sections(&make_csr(&Key::generate().unwrap()).unwrap()).unwrap().remove(0).1;
            let mut spliced = good[..cut.min(good.len())].to_vec();
            spliced.extend_from_slice(&bytes);
            prop_assume!(spliced != good);
            prop_assert!(check(&pem::encode("CERTIFICATE REQUEST", &spliced)).is_err());
        }
    }
}
