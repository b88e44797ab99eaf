//! The guard of the page that shows a secret: it selects the secret, offers it as a file, asks before the page is left while the
//! box "I have stored it" is empty, and takes the secret out of the page when the page goes. It reads the secret from the page
//! and holds it nowhere.

use leptos::prelude::*;
#[cfg(feature = "hydrate")]
use leptos::{
    ev,
    wasm_bindgen::JsCast,
    web_sys::{Blob, HtmlAnchorElement, HtmlInputElement, HtmlTextAreaElement, Url},
};

#[cfg(feature = "hydrate")]
use super::copy_once::{select, text_of};
use super::icon::Icon;
use super::icon::IconName;

/// The download button, and the watch over its page. Whatever else repeats the secret on the page carries `data-secret`.
#[island]
pub fn StoreGuard(
    /// The element that holds the secret.
    #[prop(into)]
    secret_id: String,
    /// The required box "I have stored it".
    #[prop(into)]
    checkbox_id: String,
    /// The name the file is offered under: `production-pos.env`.
    #[prop(into)]
    file_name: String,
    /// The variable's name in the file: `REVKEEN_API_KEY`.
    #[prop(into)]
    variable: String,
) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    {
        let secret_id = secret_id.clone();
        Effect::new(move || watch(secret_id.clone(), checkbox_id.clone()));
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = checkbox_id;
    view! {
        <button
            type="button"
            class="btn btn-outline needs-script"
            on:click=move |_| download(&secret_id, &file_name, &variable)
        >
            <Icon name=IconName::Download />
            <span>"Download .env"</span>
        </button>
    }
}

#[cfg(not(feature = "hydrate"))]
fn download(_secret_id: &str, _file_name: &str, _variable: &str) {}

/// A file made on the spot: an address with the secret in it would stay in the list of downloads.
#[cfg(feature = "hydrate")]
fn download(secret_id: &str, file_name: &str, variable: &str) {
    let Some(secret) = document()
        .get_element_by_id(secret_id)
        .map(|element| text_of(&element))
    else {
        return;
    };
    let parts = [format!("{variable}={secret}\n")].map(leptos::wasm_bindgen::JsValue::from);
    let parts: leptos::wasm_bindgen::JsValue = Vec::from(parts).into();
    let Ok(blob) = Blob::new_with_str_sequence(&parts) else {
        return;
    };
    let Ok(address) = Url::create_object_url_with_blob(&blob) else {
        return;
    };
    if let Ok(link) = document().create_element("a")
        && let Ok(link) = link.dyn_into::<HtmlAnchorElement>()
    {
        link.set_href(&address);
        link.set_download(file_name);
        link.click();
    }
    let _ = Url::revoke_object_url(&address);
}

#[cfg(feature = "hydrate")]
fn watch(secret_id: String, checkbox_id: String) {
    if let Some(secret) = document().get_element_by_id(&secret_id) {
        select(&secret);
    }
    let _ = window_event_listener(ev::beforeunload, move |event| {
        let stored = document()
            .get_element_by_id(&checkbox_id)
            .and_then(|element| element.dyn_into::<HtmlInputElement>().ok())
            .is_some_and(|checkbox| checkbox.checked());
        if !stored {
            event.prevent_default();
            event.set_return_value("unsaved");
        }
    });
    let _ = window_event_listener(ev::pagehide, move |_| {
        if let Some(secret) = document().get_element_by_id(&secret_id) {
            if let Some(area) = secret.dyn_ref::<HtmlTextAreaElement>() {
                area.set_value("");
            } else if let Some(input) = secret.dyn_ref::<HtmlInputElement>() {
                input.set_value("");
            }
            secret.set_text_content(None);
        }
        if let Ok(copies) = document().query_selector_all("[data-secret]") {
            for index in 0..copies.length() {
                if let Some(copy) = copies.item(index) {
                    copy.set_text_content(None);
                }
            }
        }
    });
}
