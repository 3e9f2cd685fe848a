//! HTTP for the simulator: the library fetches and puts media at `https://` addresses that it takes from the server,
//! and its simulator is a plain server on this machine. Built into binaries with the feature `simulator` only.

use async_trait::async_trait;
use url::Url;
use whatsapp_rust::{
    http::UreqHttpClient,
    wacore::net::{HttpClient, HttpRequest, HttpResponse, StreamingHttpResponse, UploadBody},
};

/// Sends every request to one place, whatever host it names.
#[derive(Debug)]
pub(in super::super) struct OnlyHere {
    base: Url,
    client: UreqHttpClient,
}

impl OnlyHere {
    /// Everything goes to `base`.
    pub(in super::super) fn new(base: Url) -> Self {
        Self {
            base,
            client: super::http(),
        }
    }

    fn redirected(&self, mut request: HttpRequest) -> anyhow::Result<HttpRequest> {
        let asked = Url::parse(&request.url)?;
        let mut url = self.base.clone();
        url.set_path(asked.path());
        url.set_query(asked.query());
        request.url = url.into();
        Ok(request)
    }
}

#[async_trait]
impl HttpClient for OnlyHere {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        self.client.execute(self.redirected(request)?).await
    }

    fn supports_streaming(&self) -> bool {
        self.client.supports_streaming()
    }

    fn execute_streaming(&self, request: HttpRequest) -> anyhow::Result<StreamingHttpResponse> {
        self.client.execute_streaming(self.redirected(request)?)
    }

    fn supports_upload_streaming(&self) -> bool {
        self.client.supports_upload_streaming()
    }

    fn execute_upload(
        &self,
        request: HttpRequest,
        body: UploadBody,
        content_length: u64,
    ) -> anyhow::Result<HttpResponse> {
        self.client
            .execute_upload(self.redirected(request)?, body, content_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_an_address_changes() {
        let here = OnlyHere::new(Url::parse("http://127.0.0.1:9").unwrap());
        let request = HttpRequest::get("https://mmg.example.org/mms/image/abc?auth=1&token=2");
        assert_eq!(
            here.redirected(request).unwrap().url,
            "http://127.0.0.1:9/mms/image/abc?auth=1&token=2"
        );
    }
}
