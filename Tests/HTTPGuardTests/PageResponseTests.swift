import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import HTTPGuard

@Suite struct PageResponseTests {
    @Test(arguments: [nil, "default-src 'none'"]) func `a file of a page is revalidated and has one type`(
        policy: String?
    ) {
        let response = Response(
            page: ByteBuffer(string: "body {}"), type: "text/css; charset=utf-8", status: .notFound, policy: policy)
        #expect(response.status == .notFound && response.body.contentLength == 7)
        #expect(response.headers[.contentType] == "text/css; charset=utf-8")
        #expect(response.headers[.cacheControl] == "no-cache")
        #expect(response.headers[.xContentTypeOptions] == "nosniff")
        #expect(response.headers[.contentSecurityPolicy] == policy)
    }

    @Test func `text cannot leave an element or an attribute`() {
        #expect(
            HTMLText.escaped(#"<a href="x" id='y'>&amp;</a> ü"#)
                == "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt; ü")
    }
}
