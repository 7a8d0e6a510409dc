wick help serve
