// Token, read, search, write, by the JDK alone (17 or newer). Run: CLIENT_SECRET=… java quickstart.java
import java.net.URI;
import java.net.http.*;
import java.time.Instant;
import java.util.Base64;
import java.util.regex.Pattern;

class Quickstart {
    static HttpResponse<String> call(String url, String body, String... headers) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url)).headers(headers);
        if (body != null) request.POST(HttpRequest.BodyPublishers.ofString(body));
        var answer = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() >= 300) throw new RuntimeException(answer.statusCode() + " " + answer.body());
        return answer;
    }
    static String first(String name, String json) { // the JDK reads no JSON: take Jackson, Gson or HAPI FHIR
        var found = Pattern.compile('"' + name + "\": *\"?([^\",}]+)").matcher(json);
        return found.find() ? found.group(1) : null;
    }
    public static void main(String[] arguments) throws Exception {
        var base = System.getenv().getOrDefault("BASE", "http://127.0.0.1:3000");
        var fhir = base + "/careconnect-ri/STU3";
        var client = System.getenv().getOrDefault("CLIENT_ID", "editor") + ":" + System.getenv("CLIENT_SECRET");
        var basic = "Basic " + Base64.getEncoder().encodeToString(client.getBytes());
        var token = call(base + "/token?grant_type=client_credentials", "", "Authorization", basic).body();
        var bearer = "Bearer " + first("access_token", token);
        System.out.println(first("family", call(fhir + "/Patient/4", null, "Authorization", bearer).body()));
        // The total, if asked for; the matches come a page at a time, and `link` leads to the next one.
        var page = call(fhir + "/Observation?patient=4&_total=accurate", null, "Authorization", bearer).body();
        System.out.println(first("total", page) + " observations");
        // On condition of an identifier of your own, so that it may be sent again: 201, then 200.
        var reading = """
            {"resourceType": "Observation", "status": "final", "code": {"text": "Heart rate"},
            "identifier": [{"system": "https://my-app.example.org/quickstart", "value": "java"}],
            "subject": {"reference": "Patient/4"}, "effectiveDateTime": "%s",
            "valueQuantity": {"value": 72, "unit": "/min"}}""".formatted(Instant.now());
        var written = call(fhir + "/Observation", reading, "Authorization", bearer, "Content-Type", "application/fhir+json",
            "If-None-Exist", "identifier=https://my-app.example.org/quickstart%7Cjava");
        System.out.println(written.statusCode() + " Observation/" + first("id", written.body()));
    }
}
