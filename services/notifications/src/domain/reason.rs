/// An error reason in words, one sentence in English and one in Korean. Customers never see the reason itself, not even one
/// that this service does not know yet.
pub(super) fn sentence(reason: &str) -> [&'static str; 2] {
    match reason {
        "OUT_OF_STOCK" => ["Something you ordered is out of stock.", "주문하신 상품이 품절되었습니다."],
        "PRODUCT_NOT_FOUND" => {
            ["Something you ordered is no longer sold.", "주문하신 상품은 더 이상 판매하지 않습니다."]
        }
        "CARD_DECLINED" => ["Your card was declined.", "카드 승인이 거절되었습니다."],
        "INSUFFICIENT_FUNDS" => ["There is not enough money on your card.", "카드 잔액이 부족합니다."],
        "UNKNOWN_CARD" => ["Your card is not known.", "등록되지 않은 카드입니다."],
        "REGION_NOT_SERVED" => {
            ["We do not send parcels to your country.", "고객님의 지역으로는 배송하지 않습니다."]
        }
        "PARCEL_TOO_HEAVY" => {
            ["The parcel would be too heavy to send.", "배송 가능한 무게를 초과하였습니다."]
        }
        "ORDER_EXPIRED" => ["It could not be completed in time.", "제시간에 처리되지 않았습니다."],
        "CANCELLED_BY_CUSTOMER" => ["You asked for it.", "고객님의 요청에 따른 것입니다."],
        _ => ["It could not be completed.", "처리를 완료하지 못했습니다."],
    }
}
