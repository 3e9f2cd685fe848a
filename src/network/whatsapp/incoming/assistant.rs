//! What an assistant answers, part after part: words, code between fences, tables line by line. What has no words is named,
//! with the address where it can be seen.

use whatsapp_rust::waproto::whatsapp::{
    self as wa, AIRichResponseImageURL as Address, AIRichResponseMapMetadata as Map, AIRichResponseSubMessage as Part,
    AIRichResponseSubMessageType as Type, AIRichResponseTableMetadata as Table,
    ai_rich_response_content_items_metadata::ai_rich_response_content_item_metadata::AIRichResponseContentItem as Item,
    ai_rich_response_dynamic_metadata::AIRichResponseDynamicMetadataType as Moving,
};

use super::{Found, filled, lines::Lines};

/// The answer of an assistant.
pub(super) fn read(message: &wa::Message) -> Option<Found<'_>> {
    let answer = message.rich_response_message.as_option()?;
    let mut lines = Lines::default();
    for part in &answer.submessages {
        let mut shown = Lines::default();
        read_part(&mut shown, part);
        match (shown.is_empty(), name_of(part)) {
            (true, Some(name)) => lines.name(name),
            _ => lines.append(shown),
        }
    }
    Some(Found::new(
        lines.told("answer of an assistant"),
        answer.context_info.as_option(),
    ))
}

fn read_part(lines: &mut Lines, part: &Part) {
    lines.say(part.message_text.as_ref());
    if let Some(grid) = part.grid_image_metadata.as_option() {
        let several = &grid.image_urls;
        let whole = grid.grid_image_url.as_option().filter(|_| several.is_empty());
        for image in several.iter().chain(whole) {
            lines.named("image", &[address_of(image)]);
        }
    }
    if let Some(image) = part.image_metadata.as_option() {
        let (words, link) = (image.image_text.as_ref(), image.tap_link_url.as_ref());
        let address = image.image_url.as_option().and_then(address_of);
        lines.named("image", &[filled(words), address, filled(link)]);
    }
    if let Some(code) = part.code_metadata.as_option() {
        let code: String = code
            .code_blocks
            .iter()
            .filter_map(|block| block.code_content.as_deref())
            .collect();
        if !code.trim().is_empty() {
            lines.say(Some(&format!("```\n{}\n```", code.trim_matches('\n'))));
        }
    }
    if let Some(table) = part.table_metadata.as_option() {
        read_table(lines, table);
    }
    if let Some(picture) = part.dynamic_metadata.as_option() {
        let what = match picture.r#type {
            Some(Moving::AI_RICH_RESPONSE_DYNAMIC_METADATA_TYPE_GIF) => "GIF",
            _ => "image",
        };
        lines.named(what, &[filled(picture.url.as_ref())]);
    }
    if let Some(formula) = part.latex_metadata.as_option() {
        lines.say(formula.text.as_ref());
        for expression in &formula.expressions {
            let words = filled(expression.latex_expression.as_ref());
            // The words may hold it already.
            if words.is_none_or(|words| !formula.text.as_deref().is_some_and(|text| text.contains(words))) {
                lines.named("formula", &[words]);
            }
        }
    }
    if let Some(map) = part.map_metadata.as_option() {
        read_map(lines, map);
    }
    for item in &part.content_items_metadata.items_metadata {
        match &item.a_i_rich_response_content_item {
            Some(Item::ReelItem(reel)) => {
                lines.named("reel", &[filled(reel.title.as_ref()), filled(reel.video_url.as_ref())]);
            }
            None => lines.name("link"),
        }
    }
}

fn read_table(lines: &mut Lines, table: &Table) {
    lines.say(table.title.as_ref());
    for row in &table.rows {
        lines.say(Some(&row.items.join(" | ")));
    }
}

fn read_map(lines: &mut Lines, map: &Map) {
    let geo = |latitude: Option<f64>, longitude: Option<f64>| Some(format!("geo:{},{}", latitude?, longitude?));
    for place in &map.annotations {
        let (title, body) = (filled(place.title.as_ref()), filled(place.body.as_ref()));
        lines.named(
            "location",
            &[title, body, geo(place.latitude, place.longitude).as_deref()],
        );
    }
    if map.annotations.is_empty() {
        let centre = geo(map.center_latitude, map.center_longitude);
        lines.named("location", &[centre.as_deref()]);
    }
}

/// Where a picture is: itself, before the page it comes from.
fn address_of(image: &Address) -> Option<&str> {
    let all = [&image.image_high_res_url, &image.image_preview_url, &image.source_url];
    all.into_iter().find_map(|address| filled(address.as_ref()))
}

/// What a part is called that tells nothing of itself; words that are none need no name.
fn name_of(part: &Part) -> Option<&'static str> {
    Some(match part.message_type {
        Some(Type::AI_RICH_RESPONSE_GRID_IMAGE | Type::AI_RICH_RESPONSE_INLINE_IMAGE) => "image",
        Some(Type::AI_RICH_RESPONSE_TABLE) => "table",
        Some(Type::AI_RICH_RESPONSE_CODE) => "code",
        Some(Type::AI_RICH_RESPONSE_DYNAMIC) => "moving image",
        Some(Type::AI_RICH_RESPONSE_MAP) => "location",
        Some(Type::AI_RICH_RESPONSE_LATEX) => "formula",
        Some(Type::AI_RICH_RESPONSE_CONTENT_ITEMS) => "links",
        Some(Type::AI_RICH_RESPONSE_TEXT) => return None,
        // Newer than the library, which then reads nothing of it.
        Some(Type::AI_RICH_RESPONSE_UNKNOWN) | None => "part of an unknown kind",
    })
}
