//! Random bytes of the operating system, fetched for many ids and tokens at once: each connection needs some, and to ask costs more than to
//! hand out. Nobody gets the same bytes twice, and none are left behind where they were.

use std::cell::RefCell;

/// So many are fetched at once, by each thread.
const STOCK: usize = 1024;

thread_local! {
    static STOCKED: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK], used: STOCK }) };
}

struct Stock {
    bytes: [u8; STOCK],
    used: usize,
}

/// Bytes that nobody else gets.
///
/// # Errors
/// If the operating system has none to give.
pub(super) fn bytes<const COUNT: usize>() -> Result<[u8; COUNT], getrandom::Error> {
    STOCKED.with_borrow_mut(|stock| {
        if STOCK - stock.used < COUNT {
            getrandom::fill(&mut stock.bytes)?;
            stock.used = 0;
        }
        let mut handed_out = [0; COUNT];
        match stock.bytes.get_mut(stock.used..).and_then(<[u8]>::first_chunk_mut) {
            Some(place) => {
                std::mem::swap(place, &mut handed_out);
                stock.used += COUNT;
            }
            // More than the stock.
            None => getrandom::fill(&mut handed_out)?,
        }
        Ok(handed_out)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nobody_gets_the_same_bytes_twice_nor_none() {
        let mut seen = HashSet::new();
        for _ in 0..STOCK {
            assert!(seen.insert(bytes::<40>().unwrap()));
            assert!(seen.insert([[0; 16].as_slice(), &bytes::<24>().unwrap()].concat().try_into().unwrap()));
        }
        let large = bytes::<{ 2 * STOCK }>().unwrap();
        assert!(large.chunks(STOCK).all(|half| half.iter().any(|&byte| byte != 0)));
        assert!(seen.iter().all(|bytes| bytes.iter().rev().take(24).any(|&byte| byte != 0)));
    }

    #[test]
    fn what_was_handed_out_is_not_left_behind() {
        let handed_out = bytes::<40>().unwrap();
        STOCKED.with_borrow(|stock| {
            let before = &stock.bytes[stock.used - 40..stock.used];
            assert_eq!(before, [0; 40]);
        });
        assert_ne!(handed_out, [0; 40]);
    }
}
