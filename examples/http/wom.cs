// WOM over HTTP, with the libraries of .NET Framework 4.6 or Mono 6 alone.
//
//   mcs -r:System.Net.Http -r:System.Web.Extensions wom.cs     (csc on Windows)
//   mono wom.exe award KEY MINUTES    a back end awards minutes and hands the code over
//   mono wom.exe charge BILL AMOUNT   a till asks for WOM, waits, and gives the discount once
//   mono wom.exe webhook              a CGI script takes a signed webhook of the service
//
// WOM_URL and WOM_TOKEN say where and who, WOM_WEBHOOK_SECRET is the webhook's secret.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using System.Web.Script.Serialization;
using Json = System.Collections.Generic.Dictionary<string, object>;

static class Wom
{
    static readonly HttpClient Http = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
    static readonly JavaScriptSerializer Serializer = new JavaScriptSerializer();

    static int Main(string[] args)
    {
        Console.OutputEncoding = new UTF8Encoding(false);
        try
        {
            switch (args[0])
            {
                case "award": return Award(args[1], int.Parse(args[2]));
                case "charge": return Charge(args[1], int.Parse(args[2]));
                case "webhook": return Webhook();
            }
        }
        catch (Refused refused)
        {
            return Fail(refused.Message);
        }
        return Fail("award, charge or webhook?");
    }

    /// <summary>Asks until there is an answer: the same key again is the same award, the same payment.</summary>
    static Json Ask(HttpMethod method, string path, Json body = null, string key = null)
    {
        foreach (var least in new[] { 1, 2, 4, 8, 0 })
        {
            var pause = least;
            try
            {
                using (var answer = Http.SendAsync(Request(method, path, body, key)).Result)
                {
                    var text = answer.Content.ReadAsStringAsync().Result;
                    if (answer.IsSuccessStatusCode)
                    {
                        return Serializer.Deserialize<Json>(text);
                    }
                    var problem = ReadProblem(text, (int)answer.StatusCode);
                    if (pause == 0 || "never".Equals(problem["retry"]))
                    {
                        throw new Refused(problem["code"] + ": " + problem["detail"]);
                    }
                    var asked = answer.Headers.RetryAfter;
                    if (asked != null && asked.Delta.HasValue)
                    {
                        pause = Math.Max(pause, (int)asked.Delta.Value.TotalSeconds);
                    }
                }
            }
            catch (AggregateException lost)
            {
                // The answer was lost; it may have happened or not.
                if (pause == 0)
                {
                    throw new Refused("no answer: " + lost.GetBaseException().Message);
                }
            }
            Thread.Sleep(TimeSpan.FromSeconds(pause));
        }
        throw new InvalidOperationException("the last try returns or throws");
    }

    static HttpRequestMessage Request(HttpMethod method, string path, Json body, string key)
    {
        var url = Environment.GetEnvironmentVariable("WOM_URL") + path;
        var request = new HttpRequestMessage(method, url);
        var token = Environment.GetEnvironmentVariable("WOM_TOKEN");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (key != null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }
        if (body != null)
        {
            request.Content = new StringContent(Serializer.Serialize(body), Encoding.UTF8, "application/json");
        }
        return request;
    }

    /// <summary>What the service says is wrong, or a proxy before it, which says it in its own way.</summary>
    static Json ReadProblem(string text, int status)
    {
        try
        {
            var problem = Serializer.Deserialize<Json>(text);
            if (problem != null && problem.ContainsKey("retry"))
            {
                return problem;
            }
        }
        catch (ArgumentException)
        {
        }
        return new Json { { "code", "http_" + status }, { "detail", "no answer" }, { "retry", "same_key" } };
    }

    static int Award(string key, int minutes)
    {
        var place = new Json { { "latitude", 43.7263 }, { "longitude", 12.6366 } };
        var wanted = new Json { { "aim", "H" }, { "minutes", minutes }, { "place", place } };
        var award = Ask(HttpMethod.Post, "/awards?wait=30", wanted, key);
        while (!award.ContainsKey("code"))
        {
            switch ((string)award["state"])
            {
                case "acknowledged":
                    Console.WriteLine("handed over before");
                    return 0;
                case "held":
                case "parked":
                    return Fail("a person has to look: " + award["reason"]);
            }
            award = Ask(HttpMethod.Get, "/awards/" + award["id"] + "?wait=30");
        }
        HandOver(award);
        Ask(HttpMethod.Post, "/awards/" + award["id"] + "/acknowledge");
        return 0;
    }

    static int Charge(string bill, int amount)
    {
        var filter = new Json { { "aim", "H" } };
        var wanted = new Json { { "amount", amount }, { "filter", filter } };
        var checkout = Ask(HttpMethod.Post, "/checkouts", wanted, "bill " + bill);
        if (checkout.ContainsKey("code"))
        {
            HandOver(checkout);
        }
        while ("shown".Equals(checkout["state"]))
        {
            checkout = Ask(HttpMethod.Get, "/checkouts/" + checkout["id"] + "?wait=30");
        }
        if (!"paid".Equals(checkout["state"]))
        {
            return Fail("no discount: " + checkout["state"]);
        }
        Console.WriteLine(Once("discount-" + bill, new byte[0]) ? "discount" : "discount given before");
        return 0;
    }

    static int Webhook()
    {
        var body = new MemoryStream();
        Console.OpenStandardInput().CopyTo(body);
        var id = Environment.GetEnvironmentVariable("HTTP_WEBHOOK_ID");
        if (!IsGenuine(body.ToArray(), id))
        {
            Console.Write("Status: 401\n\n");
            return 0;
        }
        // It may come twice: what it brings is done once.
        Once("webhook-" + id, body.ToArray());
        Console.Write("Status: 204\n\n");
        return 0;
    }

    /// <summary>Standard Webhooks: signed over the raw bytes, and not older than five minutes.</summary>
    static bool IsGenuine(byte[] body, string id)
    {
        var timestamp = Environment.GetEnvironmentVariable("HTTP_WEBHOOK_TIMESTAMP");
        var signatures = Environment.GetEnvironmentVariable("HTTP_WEBHOOK_SIGNATURE");
        var secret = Environment.GetEnvironmentVariable("WOM_WEBHOOK_SECRET");
        secret = secret.StartsWith("whsec_") ? secret.Substring("whsec_".Length) : secret;
        var signed = Encoding.UTF8.GetBytes(id + "." + timestamp + ".").Concat(body).ToArray();
        using (var mac = new HMACSHA256(Convert.FromBase64String(secret)))
        {
            var expected = "v1," + Convert.ToBase64String(mac.ComputeHash(signed));
            var known = signatures.Split(' ').Count(other => AreEqual(expected, other)) > 0;
            var age = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(timestamp);
            return known && Math.Abs(age) <= 300;
        }
    }

    /// <summary>In the same time wherever they differ.</summary>
    static bool AreEqual(string expected, string other)
    {
        var difference = expected.Length ^ other.Length;
        for (var i = 0; i < Math.Min(expected.Length, other.Length); i++)
        {
            difference |= expected[i] ^ other[i];
        }
        return difference == 0;
    }

    /// <summary>To the person's app, or onto the till's display.</summary>
    static void HandOver(Json of)
    {
        var code = (Json)of["code"];
        Console.WriteLine(code["link"] + " " + code["pin"]);
        Console.Out.Flush();
    }

    /// <summary>Whether it is the first time. A row with a unique key does this in your data base.</summary>
    static bool Once(string name, byte[] content)
    {
        try
        {
            using (var file = new FileStream(name, FileMode.CreateNew))
            {
                file.Write(content, 0, content.Length);
            }
            return true;
        }
        catch (IOException) when (File.Exists(name))
        {
            return false;
        }
    }

    static int Fail(string why)
    {
        Console.Error.WriteLine(why);
        return 1;
    }

    class Refused : Exception
    {
        public Refused(string why) : base(why) { }
    }
}
