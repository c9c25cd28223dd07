pub fn prices(bill: &str) -> Vec<u64> {
    let mut found = Vec::new();
    for line in bill.lines() {
        if !line.is_empty() {
            match line.split_once(':') {
                Some((_, price)) => {
                    if let Some((euros, cents)) = price.trim().split_once('.') {
                        let euros: u64 = euros.parse().unwrap();
                        let cents: u64 = cents.parse().unwrap();
                        found.push(euros * 100 + cents);
                    }
                }
                None => todo!("lines without a price"),
            }
        }
    }
    found
}
