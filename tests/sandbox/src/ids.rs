//! Identifiers that look random but are the same in every run.

/// A UUID made from a text.
pub(crate) fn uuid_from(seed: &str) -> String {
    let high = mix(seed, 0x9e37_79b9_7f4a_7c15);
    let low = mix(seed, 0xc2b2_ae3d_27d4_eb4f);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// A number made from a text: FNV-1a, then the final mix of MurmurHash3, so that similar texts give unrelated numbers.
pub(crate) fn mix(seed: &str, salt: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ salt;
    for byte in seed.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// A page token; it has the characters that a client must encode.
pub(crate) fn token(counter: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let seed = format!("token {counter}");
    let mut token = String::with_capacity(90);
    for salt in 0..8 {
        let mut bits = mix(&seed, salt);
        for _ in 0..10 {
            token.push(char::from(ALPHABET[(bits & 63) as usize]));
            bits >>= 6;
        }
    }
    token.push_str("+/==");
    token
}
