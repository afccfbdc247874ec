//! Keys in the forms in which people have them, and what is said about those that do not serve.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use wom_sdk::{
    Kind,
    protocol::{PrivateKey, PublicKey, rsa},
};

const FINGERPRINT: &str = "175d9cc407710c93c7764ff1c7a7a58f00175c8b3a1cac4f539275a74a191ced";
const PASSPHRASE: &str = "correct-horse";

fn file(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/keys/");
    fs::read_to_string(format!("{folder}{name}")).unwrap()
}

fn refusal(text: &str, passphrase: Option<&str>) -> String {
    let error = PrivateKey::from_pem(text, passphrase).unwrap_err();
    assert_eq!(error.kind(), Kind::KeyInvalid);
    error.to_string()
}

#[test]
fn encrypted_keys_open_with_their_passphrase_only() {
    for name in [
        "pbkdf2-aes256.pem",
        "pbkdf2-sha1-des3.pem",
        "scrypt-aes256.pem",
    ] {
        let text = file(name);
        let key = PrivateKey::from_pem(&text, Some(PASSPHRASE)).unwrap();
        assert_eq!(key.public().fingerprint(), FINGERPRINT, "{name}");
        assert!(
            refusal(&text, None).contains("give its passphrase"),
            "{name}"
        );
        for wrong in ["", "Correct-Horse"] {
            assert!(
                refusal(&text, Some(wrong)).contains("passphrase is not"),
                "{name}"
            );
        }
    }
}

#[test]
fn line_ends_and_text_around_a_key_do_not_matter() {
    let key = PrivateKey::generate(2048).unwrap();
    let (private, public) = (key.to_pkcs1_pem(), key.public().to_pem());
    for change in [
        |pem: &str| pem.replace('\n', "\r\n"),
        |pem: &str| pem.trim_end().to_owned(),
        |pem: &str| format!("Bag Attributes\n  name: x\n{pem}\nthe end\n"),
        |pem: &str| format!("\u{feff}{pem}"),
    ] {
        let read = PrivateKey::from_pem(&change(&private), None).unwrap();
        assert_eq!(read.public(), key.public());
        assert_eq!(
            &PublicKey::from_pem(&change(&public)).unwrap(),
            key.public()
        );
    }
    let both = format!("{public}{}", private.as_str());
    assert_eq!(
        PrivateKey::from_pem(&both, None).unwrap().public(),
        key.public()
    );
    assert_eq!(
        PrivateKey::from_bytes(both.as_bytes(), None)
            .unwrap()
            .public(),
        key.public()
    );
    assert_eq!(&PublicKey::from_pem(&both).unwrap(), key.public());
    let der = key.public().to_der();
    assert_eq!(&PublicKey::from_der(der).unwrap(), key.public());
}

#[test]
fn a_key_that_does_not_serve_is_named() {
    let public = PrivateKey::generate(2048).unwrap().public().to_pem();
    for (text, said) in [
        (file("ec-sec1.pem"), "EC key"),
        (file("ec-pkcs8.pem"), "EC key"),
        (file("rsa-pss.pem"), "not an RSA key for encryption"),
        (file("rsa-1024.pem"), "fewer than 2048 bits"),
        (file("traditional-encrypted.pem"), "openssl pkcs8 -topk8"),
        (public, "this is a public key"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----".into(),
            "OpenSSH",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\n*\n-----END PRIVATE KEY-----".into(),
            "broken",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE".into(), "no key"),
        (String::new(), "no key"),
        ("x".repeat(1 << 20), "no key"),
    ] {
        let said_instead = refusal(&text, None);
        assert!(said_instead.contains(said), "{said}: {said_instead}");
    }
    let said = refusal(&file("pbe-sha1-3des.pem"), Some(PASSPHRASE));
    assert!(said.contains("openssl pkcs8 -topk8"), "{said}");

    let error = PublicKey::from_pem(&file("rsa-1024-public.pem")).unwrap_err();
    assert!(error.to_string().contains("fewer than 2048 bits"));
    let error = PublicKey::from_pem(&file("rsa-1024.pem")).unwrap_err();
    assert!(error.to_string().contains("this is a private key"));
    assert!(PublicKey::from_der(b"").is_err());
}

#[test]
fn keys_are_made_in_three_sizes() {
    for bits in [0, 1024, 2047, 8192, 1 << 40] {
        assert!(PrivateKey::generate(bits).is_err());
    }
    let key = PrivateKey::generate(3072).unwrap();
    assert_eq!((key.public().bits(), key.size_bytes()), (3072, 384));
    let payload = rsa::seal(key.public(), b"{}");
    assert_eq!(rsa::open(&key, &payload, 1).unwrap().as_slice(), b"{}");
}
