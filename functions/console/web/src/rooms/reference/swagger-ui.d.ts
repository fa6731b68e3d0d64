declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  export interface ViewerRequest extends RequestInit {
    url: string;
    loadSpec?: boolean;
    headers: Record<string, string>;
    userFetch?: (url: string, init: RequestInit) => Promise<Response>;
  }

  export interface ViewerOptions {
    readonly domNode: HTMLElement;
    readonly spec: unknown;
    readonly [option: string]: unknown;
  }

  export default function SwaggerUI(options: ViewerOptions): unknown;
}
