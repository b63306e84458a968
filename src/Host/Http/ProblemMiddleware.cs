using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EntityActors.Host.EntityDb;
using EntityActors.Host.Security;

namespace EntityActors.Host.Http;

/// <summary>Turns failures into problems, and error answers without a body too; what it does not know is logged and a plain 500.</summary>
internal sealed class ProblemMiddleware(RequestDelegate next, SecuritySettings security, ILogger<ProblemMiddleware> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            RequestGate.Check(context, security.IsEnabled);
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400 }) await WriteAsync(context, FromStatus(context));
        }
        catch (Exception failure) when (failure is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            if (context.Features.Get<RunningRequest>()?.Broken is { } broken && !context.Response.HasStarted)
            {
                context.Response.Clear();
                await WriteAsync(context, broken);
            }
            else
            {
                // The client is gone, or must not take what it has for the whole answer.
                context.Abort();
            }
        }
        catch (Exception failure) when (!context.Response.HasStarted)
        {
            var problem = ApiProblem.Of(failure);
            if (problem is null) log.LogError(failure, "{Method} {Path} failed", context.Request.Method, context.Request.Path);
            context.Response.Clear();
            await WriteAsync(context, problem ?? new ApiProblem(500, "internal", "the server failed; its log tells why"));
        }
    }

    /// <summary>Routing and file results set a status and headers (Allow, Content-Range) and leave the body to us.</summary>
    private static ApiProblem FromStatus(HttpContext context) => context.Response.StatusCode switch
    {
        404 => new ApiProblem(404, "no_such_route", $"there is no {context.Request.Path}"),
        405 => new ApiProblem(405, "method_not_allowed", $"{context.Request.Method} is not allowed here"),
        412 => new ApiProblem(412, "precondition_failed", "the entity's revision is another one; ETag tells which"),
        415 => new ApiProblem(415, "unsupported_media_type", "this content type is not understood here"),
        416 => new ApiProblem(416, "range_not_satisfiable", "the range lies outside the content; Content-Range tells its length"),
        var other => new ApiProblem(other, "bad_request", "the request was refused"),
    };

    private static async Task WriteAsync(HttpContext context, ApiProblem problem)
    {
        context.Response.StatusCode = problem.Status;
        context.Response.ContentLength = null;
        context.Response.ContentType = EdbEndpoints.IsOne(context.Request.Path) ? "application/json" : "application/problem+json";
        if (problem.Status == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = "Bearer";
        if (problem.RetryAfter is { } delay)
            context.Response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        if (EdbEndpoints.IsOne(context.Request.Path)) EdbEndpoints.WriteProblem(json, context, problem);
        else JsonShapes.Problem(json, problem, Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier);
    }
}
