//! RSA keys, read in all the forms in which they are handed out.

use std::{fmt, ops::RangeInclusive, sync::Arc};

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    error::KeyRejected,
    hmac,
    rsa::{
        KeySize, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
        PublicEncryptingKey,
    },
};
use pkcs8::{
    EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef,
    der::{
        Decode, Encode,
        asn1::{AnyRef, BitStringRef, OctetStringRef},
    },
    pkcs5::pbes2::Kdf,
    spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef},
};
use zeroize::Zeroizing;

use super::pem;
use crate::{Error, Kind, Result};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The most work that deriving a key from a passphrase may cost: rounds of PBKDF2, and the memory
/// of scrypt in bytes.
const ROUNDS_LIMIT: u32 = 10_000_000;
const SCRYPT_LIMIT: u64 = 64 << 20;

/// The public half of an RSA key: who has it may write to the holder of the private half.
///
/// ```
/// use wom_sdk::protocol::{PrivateKey, PublicKey};
///
/// let key = PrivateKey::generate(2048)?;
/// let text = key.public().to_pem();
/// assert_eq!(&PublicKey::from_pem(&text)?, key.public());
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone)]
pub struct PublicKey(Arc<PublicParts>);

struct PublicParts {
    cipher: Pkcs1PublicEncryptingKey,
    spki: Vec<u8>,
}

impl PublicKey {
    /// Reads the first key in a PEM text (`PUBLIC KEY` or `RSA PUBLIC KEY`); line ends, text
    /// around it and a missing last newline do not matter. From 2048 to 8192 bits.
    pub fn from_pem(text: &str) -> Result<Self> {
        let mut private = false;
        for block in pem::blocks(text) {
            private |= block.label.ends_with("PRIVATE KEY");
            if !matches!(block.label, "PUBLIC KEY" | "RSA PUBLIC KEY") {
                continue;
            }
            return Self::from_der(&block.decode().ok_or_else(broken_armour)?);
        }
        Err(match private {
            true => invalid("this is a private key, where a public key belongs"),
            false => no_key(),
        })
    }

    /// Reads a key in DER, as SPKI or PKCS#1.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        if let Ok(info) = SubjectPublicKeyInfoRef::from_der(der) {
            check_algorithm(info.algorithm.oid)?;
            return Self::from_spki(der);
        }
        let bits = BitStringRef::from_bytes(der).map_err(|_| not_rsa("public"))?;
        let info = SubjectPublicKeyInfoRef {
            algorithm: rsa_algorithm(),
            subject_public_key: bits,
        };
        Self::from_spki(&info.to_der().map_err(|_| not_rsa("public"))?)
    }

    /// The key as PEM, in the form that a Registry hands out (SPKI).
    pub fn to_pem(&self) -> String {
        pem::armour("PUBLIC KEY", &self.0.spki).to_string()
    }

    /// The key in DER (SPKI).
    pub fn to_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// SHA-256 of the key in DER (SPKI), in lower-case hexadecimal digits: what is pinned.
    pub fn fingerprint(&self) -> String {
        crate::hex::encode(digest::digest(&digest::SHA256, &self.0.spki).as_ref())
    }

    /// The size of the modulus in bits.
    pub fn bits(&self) -> usize {
        self.0.cipher.key_size_bits()
    }

    /// The size of the modulus, and of every encrypted block, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.0.cipher.key_size_bytes()
    }

    /// Encrypts a chunk that leaves room for the padding into a block of `size_bytes`.
    pub(super) fn encrypt(&self, chunk: &[u8], block: &mut [u8]) {
        self.0
            .cipher
            .encrypt(chunk, block)
            .expect("chunk and block are cut to the key's size");
    }

    fn from_spki(der: &[u8]) -> Result<Self> {
        PublicEncryptingKey::from_der(der)
            .map_err(|rejected| rejection(&rejected, "public"))
            .and_then(Self::from_key)
    }

    fn from_key(key: PublicEncryptingKey) -> Result<Self> {
        let spki: PublicKeyX509Der<'_> = key.as_der().map_err(|_| not_rsa("public"))?;
        let spki = spki.as_ref().to_vec();
        let cipher = Pkcs1PublicEncryptingKey::new(key).map_err(|_| not_rsa("public"))?;
        Ok(Self(Arc::new(PublicParts { cipher, spki })))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits, {})", self.bits(), self.fingerprint())
    }
}

/// An RSA private key. Its `Debug` form tells nothing but its size.
#[derive(Clone)]
pub struct PrivateKey(Arc<PrivateParts>);

struct PrivateParts {
    key: PrivateDecryptingKey,
    cipher: Pkcs1PrivateDecryptingKey,
    public: PublicKey,
    substitution: hmac::Key,
}

impl PrivateKey {
    /// A fresh key of 2048, 3072 or 4096 bits. Wallets in use take keys of 4096 bits only.
    pub fn generate(bits: usize) -> Result<Self> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => {
                return Err(
                    invalid("keys are made with 2048, 3072 or 4096 bits").with("bits", bits)
                );
            }
        };
        PrivateDecryptingKey::generate(size)
            .map_err(|_| Error::new(Kind::Internal, "a key could not be made"))
            .and_then(Self::from_key)
    }

    /// Reads the first private key in a PEM text: `RSA PRIVATE KEY` (PKCS#1), `PRIVATE KEY`
    /// (PKCS#8) or, with its passphrase, `ENCRYPTED PRIVATE KEY`. From 2048 to 8192 bits.
    pub fn from_pem(text: &str, passphrase: Option<&str>) -> Result<Self> {
        let mut public = false;
        for block in pem::blocks(text) {
            public |= block.label.ends_with("PUBLIC KEY") || block.label == "CERTIFICATE";
            match block.label {
                "EC PRIVATE KEY" => return Err(wrong_algorithm(EC)),
                "OPENSSH PRIVATE KEY" => {
                    return Err(invalid("the key is in the form of OpenSSH")
                        .hint("convert a copy with: ssh-keygen -p -m PEM -f COPY"));
                }
                "RSA PRIVATE KEY" if block.has_headers() => {
                    return Err(
                        invalid("the key is encrypted in a way that is no longer safe")
                            .hint("convert it with: openssl pkcs8 -topk8 -in KEY -out NEW"),
                    );
                }
                "ENCRYPTED PRIVATE KEY" => {
                    let der = block.decode().ok_or_else(broken_armour)?;
                    let info = EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
                        .map_err(|_| unknown_encryption())?;
                    return Self::decrypt_key(&info, passphrase);
                }
                "RSA PRIVATE KEY" | "PRIVATE KEY" => {
                    return Self::from_der(&block.decode().ok_or_else(broken_armour)?, passphrase);
                }
                _ => (),
            }
        }
        Err(match public {
            true => invalid("this is a public key, where a private key belongs"),
            false => no_key(),
        })
    }

    /// Reads a key in DER: PKCS#1, PKCS#8 or, with its passphrase, encrypted PKCS#8.
    pub fn from_der(der: &[u8], passphrase: Option<&str>) -> Result<Self> {
        if let Ok(info) = EncryptedPrivateKeyInfoRef::try_from(der) {
            return Self::decrypt_key(&info, passphrase);
        }
        if let Ok(info) = PrivateKeyInfoRef::try_from(der) {
            check_algorithm(info.algorithm.oid)?;
            return Self::from_pkcs1(info.private_key.as_bytes());
        }
        if SubjectPublicKeyInfoRef::from_der(der).is_ok() {
            return Err(invalid("this is a public key, where a private key belongs"));
        }
        Self::from_pkcs1(der)
    }

    /// Reads the content of a key file, PEM or DER.
    pub fn from_bytes(bytes: &[u8], passphrase: Option<&str>) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::from_pem(text, passphrase),
            Err(_) if bytes.starts_with(b"-----") => Err(broken_armour()),
            Err(_) => Self::from_der(bytes, passphrase),
        }
    }

    /// The key as PEM in the form that all WOM software reads (PKCS#1). Not encrypted: write it
    /// only where nobody else reads.
    pub fn to_pkcs1_pem(&self) -> Zeroizing<String> {
        const INVARIANT: &str = "a key that was read or made can be written";
        let der: Pkcs8V1Der<'_> = self.0.key.as_der().expect(INVARIANT);
        let info = PrivateKeyInfoRef::try_from(der.as_ref()).expect(INVARIANT);
        pem::armour("RSA PRIVATE KEY", info.private_key.as_bytes())
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// The size of the modulus, and of every encrypted block, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.0.public.size_bytes()
    }

    /// Decrypts a block. If it is not well formed, or its content is not of an accepted length,
    /// the answer is bytes that depend on key and block alone and look random.
    pub(super) fn decrypt(
        &self,
        block: &[u8],
        accepted: RangeInclusive<usize>,
    ) -> Zeroizing<Vec<u8>> {
        // Made in any case, so that both ways take about the same time.
        let substitute = self.substitute(block, &accepted);
        let mut buffer = Zeroizing::new(vec![0; self.size_bytes()]);
        match self.0.cipher.decrypt(block, &mut buffer) {
            Ok(chunk) if accepted.contains(&chunk.len()) => Zeroizing::new(chunk.to_vec()),
            _ => substitute,
        }
    }

    fn substitute(&self, block: &[u8], accepted: &RangeInclusive<usize>) -> Zeroizing<Vec<u8>> {
        let part = |number: u8| {
            let mut context = hmac::Context::with_key(&self.0.substitution);
            context.update(&[number]);
            context.update(block);
            context.sign()
        };
        let choice = part(0);
        let choice = u16::from_le_bytes([choice.as_ref()[0], choice.as_ref()[1]]);
        let (shortest, longest) = (*accepted.start(), *accepted.end());
        let length = shortest + usize::from(choice) % (longest - shortest + 1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(longest + 32));
        let mut number = 1;
        while bytes.len() < longest {
            bytes.extend_from_slice(part(number).as_ref());
            number += 1;
        }
        bytes.truncate(length);
        bytes
    }

    fn decrypt_key(
        info: &EncryptedPrivateKeyInfoRef<'_>,
        passphrase: Option<&str>,
    ) -> Result<Self> {
        let Some(passphrase) = passphrase else {
            return Err(invalid("the key is encrypted").hint("give its passphrase"));
        };
        let parameters = info
            .encryption_algorithm
            .pbes2()
            .ok_or_else(unknown_encryption)?;
        if !is_affordable(&parameters.kdf) {
            return Err(Error::new(
                Kind::LimitExceeded,
                "the key's encryption asks for too much work",
            ));
        }
        let wrong = || {
            invalid("the passphrase is not the one of this key").hint("give the right passphrase")
        };
        // A wrong passphrase shows as bad padding, or as a text that is no key.
        let der = match info.decrypt(passphrase) {
            Ok(der) => der,
            Err(pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm {
                ..
            })) => return Err(unknown_encryption()),
            Err(_) => return Err(wrong()),
        };
        let info = PrivateKeyInfoRef::try_from(der.as_bytes()).map_err(|_| wrong())?;
        check_algorithm(info.algorithm.oid)?;
        Self::from_pkcs1(info.private_key.as_bytes())
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self> {
        let octets = OctetStringRef::new(der).map_err(|_| not_rsa("private"))?;
        let info = PrivateKeyInfoRef::new(rsa_algorithm(), octets);
        let pkcs8 = Zeroizing::new(info.to_der().map_err(|_| not_rsa("private"))?);
        PrivateDecryptingKey::from_pkcs8(&pkcs8)
            .map_err(|rejected| rejection(&rejected, "private"))
            .and_then(Self::from_key)
    }

    fn from_key(key: PrivateDecryptingKey) -> Result<Self> {
        let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| not_rsa("private"))?;
        let mut seed = digest::Context::new(&digest::SHA256);
        seed.update(b"wom-sdk: bytes in place of a block that is not well formed");
        seed.update(der.as_ref());
        let substitution = hmac::Key::new(hmac::HMAC_SHA256, seed.finish().as_ref());
        let public = PublicKey::from_key(key.public_key())?;
        let cipher = Pkcs1PrivateDecryptingKey::new(key.clone()).map_err(|_| not_rsa("private"))?;
        Ok(Self(Arc::new(PrivateParts {
            key,
            cipher,
            public,
            substitution,
        })))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits, …)", self.0.public.bits())
    }
}

fn is_affordable(kdf: &Kdf) -> bool {
    match kdf {
        Kdf::Pbkdf2(parameters) => parameters.iteration_count <= ROUNDS_LIMIT,
        Kdf::Scrypt(parameters) => {
            let memory = 128_u64
                .saturating_mul(parameters.cost_parameter)
                .saturating_mul(parameters.block_size.into());
            memory <= SCRYPT_LIMIT && parameters.parallelization <= 16
        }
        _ => false,
    }
}

fn rsa_algorithm() -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef {
        oid: RSA,
        parameters: Some(AnyRef::NULL),
    }
}

fn check_algorithm(algorithm: ObjectIdentifier) -> Result<()> {
    match algorithm {
        RSA => Ok(()),
        other => Err(wrong_algorithm(other)),
    }
}

fn wrong_algorithm(algorithm: ObjectIdentifier) -> Error {
    let message = match algorithm {
        EC => "this is an EC key, where an RSA key belongs",
        _ => "this is not an RSA key for encryption",
    };
    invalid(message).hint("WOM uses RSA keys of 2048 to 8192 bits, by default 4096")
}

fn rejection(rejected: &KeyRejected, half: &'static str) -> Error {
    match rejected.description_() {
        "TooSmall" => invalid("the key has fewer than 2048 bits"),
        "TooLarge" => invalid("the key has more than 8192 bits"),
        _ => not_rsa(half),
    }
}

fn not_rsa(half: &'static str) -> Error {
    invalid("the content is not a whole RSA key").with("expected", half)
}

fn unknown_encryption() -> Error {
    invalid("the key is encrypted in a way that is not read here")
        .hint("convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW")
}

fn broken_armour() -> Error {
    invalid("the text between the BEGIN and END lines is broken").hint("copy the key as a whole")
}

fn no_key() -> Error {
    invalid("no key is in the text").hint("a key stands between lines with BEGIN and END")
}

fn invalid(message: &'static str) -> Error {
    Error::new(Kind::KeyInvalid, message)
}
