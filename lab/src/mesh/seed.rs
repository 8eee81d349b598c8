//! Everything in the lab that looks random: hashes of the world's seed and of names, so that a run is repeatable.

/// FNV-1a over the parts, finished by SplitMix64's mixer so that near inputs give far results.
pub fn hash(seed: u64, parts: &[&str]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(state)
}

/// SplitMix64's output function.
pub fn mix(mut state: u64) -> u64 {
    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// A number in [0, 1) from a hash.
pub fn unit(hash: u64) -> f64 {
    // 53 bits are what a double holds exactly.
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// A suffix in the alphabet of Kubernetes' generated names (no vowels, no look-alikes).
pub fn suffix(mut hash: u64, length: usize) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..length)
        .map(|_| {
            let letter = ALPHABET[(hash % ALPHABET.len() as u64) as usize];
            hash = mix(hash);
            char::from(letter)
        })
        .collect()
}

/// A version 4 UUID (RFC 9562) made of two hashes.
pub fn uuid(hash: u64) -> String {
    let low = mix(hash);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        hash >> 32,
        (hash >> 16) & 0xffff,
        hash & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}
