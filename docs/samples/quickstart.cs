// Token, read, search, write, by .NET alone (10 or newer). Run: CLIENT_SECRET=… dotnet run quickstart.cs
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

string Setting(string name, string fallback) => Environment.GetEnvironmentVariable(name) ?? fallback;
var root = Setting("BASE", "http://127.0.0.1:3000");
var fhir = $"{root}/careconnect-ri/STU3";
using var http = new HttpClient();

async Task<(int Status, JsonNode Json)> Call(string url, HttpContent? body = null)
{
    using var answer = await (body == null ? http.GetAsync(url) : http.PostAsync(url, body));
    var text = await answer.Content.ReadAsStringAsync();
    if (!answer.IsSuccessStatusCode) throw new HttpRequestException($"{(int)answer.StatusCode} {text}");
    return ((int)answer.StatusCode, JsonNode.Parse(text)!);
}

var client = Encoding.UTF8.GetBytes($"{Setting("CLIENT_ID", "editor")}:{Setting("CLIENT_SECRET", "")}");
http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(client));
var grant = new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "client_credentials" });
var token = (string?)(await Call($"{root}/token", grant)).Json["access_token"];
http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);

Console.WriteLine((await Call($"{fhir}/Patient/4")).Json["name"]![0]!["family"]);

// The total, if asked for; the matches come a page at a time, and `link` leads to the next one.
Console.WriteLine($"{(await Call($"{fhir}/Observation?patient=4&_total=accurate")).Json["total"]} observations");

// On condition of an identifier of your own, so that it may be sent again: 201, then 200.
http.DefaultRequestHeaders.Add("If-None-Exist", "identifier=https://my-app.example.org/quickstart%7Ccs");
var reading = $$"""
    {"resourceType": "Observation", "identifier": [{"system": "https://my-app.example.org/quickstart", "value": "cs"}],
    "status": "final", "code": {"text": "Heart rate"}, "subject": {"reference": "Patient/4"},
    "effectiveDateTime": "{{DateTime.UtcNow:s}}Z",
    "valueQuantity": {"value": 72, "unit": "/min"} }
    """;
var written = await Call($"{fhir}/Observation", new StringContent(reading, Encoding.UTF8, "application/fhir+json"));
Console.WriteLine($"{written.Status} Observation/{written.Json["id"]}");
